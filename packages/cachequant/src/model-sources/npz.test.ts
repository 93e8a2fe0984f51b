import { describe, expect, it } from 'vitest';
import { npzOf } from '../__fixtures__/npz.js';
import { readNpz } from './npz.js';

const ONE = Uint8Array.from({ length: 300 }, (_, i) => i % 7);
const read = (bytes: Uint8Array) => readNpz(bytes, 'feeds.npz');

describe('readNpz(bytes)', () => {
  it.each([false, true])('gives each array by its name; deflated: %s', (deflate) => {
    const arrays = read(
      npzOf(
        [
          ['x.npy', ONE],
          ['cond.npy', ONE.subarray(0, 5)],
        ],
        { deflate },
      ),
    );
    expect([...arrays.keys()]).toEqual(['x', 'cond']);
    expect([...arrays.get('x')!]).toEqual([...ONE]);
    expect([...arrays.get('cond')!]).toEqual([...ONE.subarray(0, 5)]);
  });

  it('unpacks no more than the archive says, and refuses what is longer', () => {
    const bomb = npzOf([['x.npy', new Uint8Array(50_000_000)]], { deflate: true, size: 100 });
    expect(bomb.length).toBeLessThan(60_000);
    expect(() => read(bomb)).toThrow(/cut off or altered/);
    const huge = npzOf([['x.npy', ONE]], { deflate: true, size: 2 ** 31 });
    expect(() => read(huge)).toThrow(/too large/);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /no archive of NumPy/],
    ['another file', ONE, /no archive of NumPy/],
    ['an archive that was cut off', npzOf([['x.npy', ONE]]).subarray(40), /cut off or altered/],
    ['one whose end is missing', npzOf([['x.npy', ONE]]).subarray(0, 330), /no archive of NumPy/],
    ['a wrong checksum', npzOf([['x.npy', ONE]], { crc: 1 }), /cut off or altered/],
    ['an encrypted array', npzOf([['x.npy', ONE]], { flags: 1 }), /encrypted/],
    ['another compression', npzOf([['x.npy', ONE]], { method: 14 }), /compressed in another way/],
    ['a size in a field of ZIP64', npzOf([['x.npy', ONE]], { size: 0xffffffff }), /too large/],
    ['something else than an array', npzOf([['readme.txt', ONE]]), /something else than arrays.*readme\.txt/],
    ['a path', npzOf([['../x.npy', ONE]]), /something else than arrays/],
    [
      'two arrays of one name',
      npzOf([
        ['x.npy', ONE],
        ['x.npy', ONE],
      ]),
      /two arrays of one name/,
    ],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(message);
  });

  it('refuses every cut of an archive with an error of its own', () => {
    const whole = npzOf([['x.npy', ONE]], { deflate: true });
    for (let length = 0; length < whole.length; length++) {
      expect(() => read(whole.slice(0, length))).toThrow(
        expect.objectContaining({ code: 'invalid-argument' }),
      );
    }
  });
});
