import { type DeviceTensor, isDeviceTensor, type Runtime, tensor } from '../../index.js';
import { doubleModel } from '../models.js';
import type { RuntimeSuite } from '../runtime-suite.js';
import { failure } from '../test-api.js';

const X = tensor('float32', [1], Float32Array.of(4));

export function deviceTensorCases({ test, expect, runtime, factory }: RuntimeSuite): void {
  test('load with `keepOnDevice` refuses an unknown output', async () => {
    const loading = runtime().load({ bytes: doubleModel('float32', [1]) }, { keepOnDevice: ['z'] });
    await failure(loading, 'invalid-argument', 'unsupported');
  });

  test('run keeps the outputs of `keepOnDevice` where they are; they can be read and fed', async () => {
    if (!(await runtime().capabilities()).deviceTensors) return;
    const kept = await keepDouble(runtime());
    const next = await runtime().load({ bytes: doubleModel('float32', [1]) });
    expect([kept.dtype, kept.dims]).toEqual(['float32', [1]]);
    expect((await next.run({ x: kept })).y).toEqual(tensor('float32', [1], Float32Array.of(16)));
    expect(await kept.read()).toEqual(tensor('float32', [1], Float32Array.of(8)));
    expect(await kept.read()).toEqual(tensor('float32', [1], Float32Array.of(8)));
    kept.dispose();
    kept.dispose();
    await failure(kept.read(), 'invalid-argument', 'runtime');
    await failure(next.run({ x: kept }), 'invalid-argument', 'runtime');
    await next.dispose();
  });

  test('dispose of a device tensor right after a run was called does not disturb the run', async () => {
    if (!(await runtime().capabilities()).deviceTensors) return;
    const kept = await keepDouble(runtime());
    const next = await runtime().load({ bytes: doubleModel('float32', [1]) });
    const running = next.run({ x: kept });
    kept.dispose();
    expect((await running).y).toEqual(tensor('float32', [1], Float32Array.of(16)));
    await next.dispose();
  });

  test('place puts a tensor where sessions compute; it can be read, fed again and again, and freed', async () => {
    if (runtime().place === undefined) return;
    const session = await runtime().load({ bytes: doubleModel('float32', [3]) });
    const given = Float32Array.of(9, 1, 2, 3, 9).subarray(1, 4);
    const placed = await runtime().place!(tensor('float32', [3], given));
    given.fill(7);
    for (let run = 0; run < 3; run++) {
      expect((await session.run({ x: placed })).y).toEqual(tensor('float32', [3], Float32Array.of(2, 4, 6)));
    }
    expect(await placed.read()).toEqual(tensor('float32', [3], Float32Array.of(1, 2, 3)));
    placed.dispose();
    placed.dispose();
    await failure(session.run({ x: placed }), 'invalid-argument', 'runtime');
    await session.dispose();
  });

  test('run refuses a device tensor of another runtime', async () => {
    if (!(await runtime().capabilities()).deviceTensors) return;
    const other = await factory();
    const foreign = await keepDouble(other);
    const session = await runtime().load({ bytes: doubleModel('float32', [1]) });
    await failure(session.run({ x: foreign }), 'invalid-argument', 'runtime');
    await session.dispose();
    await other.dispose();
  });
}

async function keepDouble(runtime: Runtime): Promise<DeviceTensor> {
  const session = await runtime.load({ bytes: doubleModel('float32', [1]) }, { keepOnDevice: ['y'] });
  const { y } = await session.run({ x: X });
  await session.dispose();
  if (y === undefined || !isDeviceTensor(y)) throw new Error('the output did not stay on the device');
  return y;
}
