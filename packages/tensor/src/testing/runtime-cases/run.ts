import { tensor } from '../../index.js';
import { doubleModel, productModel, slowModel, sumModel } from '../models.js';
import type { RuntimeSuite } from '../runtime-suite.js';
import { failure } from '../test-api.js';

const SIZE = 384;

export function runCases({ test, expect, runtime, profiling = true, slowDepth = 60 }: RuntimeSuite): void {
  test('run computes all outputs', async () => {
    const session = await runtime().load({ bytes: sumModel() });
    const results = await session.run(sumFeeds([1, 2, 3, 4, 5, 6], 10));
    expect(results).toEqual({
      sum: tensor('float32', [2, 3], Float32Array.of(11, 12, 13, 14, 15, 16)),
      difference: tensor('float32', [2, 3], Float32Array.of(-9, -8, -7, -6, -5, -4)),
    });
    await session.dispose();
  });

  test('run with `outputs` computes those only, and refuses unknown ones', async () => {
    const session = await runtime().load({ bytes: sumModel() });
    const feeds = sumFeeds([1, 2, 3], 1);
    const results = await session.run(feeds, { outputs: ['difference'] });
    expect(results).toEqual({ difference: tensor('float32', [1, 3], Float32Array.of(0, 1, 2)) });
    await failure(session.run(feeds, { outputs: ['product'] }), 'invalid-argument');
    await session.dispose();
  });

  test('run takes another size of a symbolic dimension each time, none included', async () => {
    const session = await runtime().load({ bytes: sumModel() });
    for (const rows of [1, 4, 0, 2]) {
      const a = Float32Array.from({ length: rows * 3 }, (_, index) => index);
      const { sum } = await session.run(sumFeeds(a, 1));
      expect(sum).toEqual(
        tensor(
          'float32',
          [rows, 3],
          a.map((value) => value + 1),
        ),
      );
    }
    await session.dispose();
  });

  test('run returns memory of its own each time', async () => {
    const session = await runtime().load({ bytes: doubleModel('float32', [2]) });
    const first = await session.run({ x: tensor('float32', [2], Float32Array.of(1, 2)) });
    const second = await session.run({ x: tensor('float32', [2], Float32Array.of(3, 4)) });
    expect(first.y).toEqual(tensor('float32', [2], Float32Array.of(2, 4)));
    expect(second.y).toEqual(tensor('float32', [2], Float32Array.of(6, 8)));
    await session.dispose();
  });

  test('run called many times at once on two sessions gives each caller its own answer', async () => {
    const double = await runtime().load({ bytes: doubleModel('float32', ['n']) });
    const product = await runtime().load({ bytes: productModel() });
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const [a, b] = await Promise.all([
          double.run({ x: tensor('float32', [1], Float32Array.of(i)) }),
          product.run({ x: tensor('float32', [1, 2], Float32Array.of(i, 0)) }),
        ]);
        return [a.y, b.y];
      }),
    );
    answers.forEach(([y, z], i) => {
      expect(y).toEqual(tensor('float32', [1], Float32Array.of(2 * i)));
      expect(z).toEqual(tensor('float32', [1, 3], Float32Array.of(i, 2 * i, 3 * i)));
    });
    await double.dispose();
    await product.dispose();
  });

  test('run lets timers go on', async () => {
    const x = tensor('float32', [SIZE, SIZE]);
    for (let depth = slowDepth; ; depth *= 2) {
      const session = await runtime().load({ bytes: slowModel(SIZE, depth) });
      const { elapsedMs, ticks } = await countTicks(() => session.run({ x }));
      await session.dispose();
      if (elapsedMs < 200) continue;
      // A tenth of what an idle thread would count; a thread that is blocked counts one or two.
      expect(ticks >= elapsedMs / 50).toBe(true);
      return;
    }
  });

  test('run stops at a signal that is aborted before, and while it waits for another run', async () => {
    const slow = await runtime().load({ bytes: slowModel(SIZE, slowDepth) });
    const session = await runtime().load({ bytes: sumModel() });
    const feeds = sumFeeds([1, 2, 3], 1);
    await failure(session.run(feeds, { signal: AbortSignal.abort() }), 'aborted');
    const first = slow.run({ x: tensor('float32', [SIZE, SIZE]) });
    const controller = new AbortController();
    const waiting = session.run(feeds, { signal: controller.signal });
    controller.abort();
    await failure(waiting, 'aborted');
    expect((await first).y?.dims).toEqual([SIZE, SIZE]);
    expect((await session.run(feeds)).sum).toEqual(tensor('float32', [1, 3], Float32Array.of(2, 3, 4)));
    await slow.dispose();
    await session.dispose();
  });

  if (!profiling) return;

  test('endProfiling tells how often each node ran and how long', async () => {
    const session = await runtime().load({ bytes: productModel() }, { profiling: true });
    for (let run = 0; run < 3; run++) await session.run({ x: tensor('float32', [1, 2]) });
    const nodes = await session.endProfiling();
    const product = nodes.find((node) => node.opType.includes('MatMul'));
    expect(product?.runs).toBe(3);
    expect((product?.totalMs ?? 0) >= 0).toBe(true);
    await failure(session.endProfiling(), 'invalid-argument');
    await session.dispose();
  });
}

async function countTicks(action: () => Promise<unknown>) {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const started = performance.now();
  await action();
  clearInterval(timer);
  return { ticks, elapsedMs: performance.now() - started };
}

function sumFeeds(a: ArrayLike<number>, b: number) {
  return {
    a: tensor('float32', [a.length / 3, 3], Float32Array.from(a)),
    b: tensor('float32', [], Float32Array.of(b)),
  };
}
