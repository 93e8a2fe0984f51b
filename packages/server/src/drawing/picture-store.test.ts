import { describe, expect, test } from 'vitest';
import { PictureStore } from './picture-store.js';

const picture = (bytes: number) => ({ type: 'image/png', bytes: new Uint8Array(bytes) });

describe('PictureStore', () => {
  test('keeps pictures under names that differ', () => {
    const store = new PictureStore({ bytes: 100, seconds: 10 });
    const names = [store.add(picture(10)), store.add(picture(20))];
    expect(names.map((name) => store.get(name)?.bytes.length)).toEqual([10, 20]);
    expect(store.get('0'.repeat(32))).toBeUndefined();
  });

  test('lets the oldest leave when there are too many bytes', () => {
    const store = new PictureStore({ bytes: 100, seconds: 10 });
    const names = [60, 30, 50].map((bytes) => store.add(picture(bytes)));
    expect(names.map((name) => store.get(name)?.bytes.length)).toEqual([undefined, 30, 50]);
  });

  test('lets pictures leave when their time is over', () => {
    let seconds = 0;
    const store = new PictureStore({ bytes: 100, seconds: 10, now: () => seconds * 1000 });
    const first = store.add(picture(1));
    seconds = 9;
    const second = store.add(picture(2));
    expect(store.get(first)).toBeDefined();
    seconds = 10;
    expect([store.get(first), store.get(second)?.bytes.length]).toEqual([undefined, 2]);
  });
});
