import { CacheQuantError, type Feeds, tensor } from '../../index.js';
import { productModel, sumModel } from '../models.js';
import type { RuntimeSuite } from '../runtime-suite.js';
import { failure } from '../test-api.js';

const A = tensor('float32', [1, 3], Float32Array.of(1, 2, 3));
const B = tensor('float32', [], Float32Array.of(1));

export function feedCases({ test, expect, runtime }: RuntimeSuite): void {
  const wrong: readonly (readonly [title: string, feeds: Feeds, named: string])[] = [
    ['a missing feed', { a: A }, '"b"'],
    ['an unknown feed', { a: A, b: B, c: B }, '"c"'],
    ['a wrong element type', { a: tensor('float64', [1, 3]), b: B }, 'float64[1,3]'],
    ['a wrong rank', { a: tensor('float32', [3]), b: B }, 'float32[3]'],
    ['a wrong fixed dimension', { a: tensor('float32', [1, 4]), b: B }, 'float32[1,4]'],
    ['data that does not fill the shape', { a: { ...A, data: new Float32Array(2) }, b: B }, '8 bytes'],
    ['data of another kind of array', { a: { ...A, data: new Int32Array(3) }, b: B }, 'Int32Array'],
  ];
  for (const [title, feeds, named] of wrong) {
    test(`run refuses ${title}, naming it`, async () => {
      const session = await runtime().load({ bytes: sumModel() });
      const error = await failure(session.run(feeds), 'invalid-argument', 'dtype', 'shape');
      if (!error.message.includes(named))
        throw new Error(`the message should name ${named}: ${error.message}`);
      await session.dispose();
    });
  }

  test('run leaves its feeds as they are, so that they can be used again', async () => {
    const session = await runtime().load({ bytes: sumModel() });
    const feeds = { a: { ...A, data: A.data.slice() }, b: B };
    const first = await session.run(feeds);
    expect(feeds.a).toEqual(A);
    expect(await session.run(feeds)).toEqual(first);
    await session.dispose();
  });

  test('run uses feeds as they were when it was called', async () => {
    const session = await runtime().load({ bytes: sumModel() });
    const a = { ...A, data: A.data.slice() };
    const running = session.run({ a, b: B });
    a.data.fill(100);
    expect((await running).sum).toEqual(tensor('float32', [1, 3], Float32Array.of(2, 3, 4)));
    await session.dispose();
  });

  test('run with `transfer` may empty those arrays, never others', async () => {
    const session = await runtime().load({ bytes: sumModel() });
    const shared = Float32Array.of(9, 1, 2, 3, 9);
    const feeds = { a: tensor('float32', [1, 3], shared.subarray(1, 4)), b: B };
    const { sum } = await session.run(feeds, { transfer: ['a'] });
    expect(sum).toEqual(tensor('float32', [1, 3], Float32Array.of(2, 3, 4)));
    expect([shared.length, B.data.length]).toEqual([5, 1]);
    await failure(session.run({ a: A, b: B }, { transfer: ['c'] }), 'invalid-argument');
    await session.dispose();
  });

  test('run of what was refused before still works', async () => {
    const session = await runtime().load({ bytes: productModel() });
    const error = await failure(session.run({}), 'invalid-argument');
    expect(CacheQuantError.is(error)).toBe(true);
    const { y } = await session.run({ x: tensor('float32', [1, 2], Float32Array.of(1, 1)) });
    expect(y).toEqual(tensor('float32', [1, 3], Float32Array.of(5, 7, 9)));
    await session.dispose();
  });
}
