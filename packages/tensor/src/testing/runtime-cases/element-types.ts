import { type Tensor, tensor } from '../../index.js';
import { convModel, doubleModel, repeatModel } from '../models.js';
import type { RuntimeSuite } from '../runtime-suite.js';
import { failure } from '../test-api.js';

type Repeated = readonly [given: Tensor, twice: Tensor];

const WIDE: Repeated = [
  tensor('int64', [1], BigInt64Array.of(-(2n ** 60n))),
  tensor('int64', [2], BigInt64Array.of(-(2n ** 60n), -(2n ** 60n))),
];

const REPEATED: readonly Repeated[] = [
  [
    tensor('int64', [2], BigInt64Array.of(-9n, 1000n)),
    tensor('int64', [4], BigInt64Array.of(-9n, 1000n, -9n, 1000n)),
  ],
  [tensor('int32', [1], Int32Array.of(-7)), tensor('int32', [2], Int32Array.of(-7, -7))],
  [tensor('uint8', [2], Uint8Array.of(0, 255)), tensor('uint8', [4], Uint8Array.of(0, 255, 0, 255))],
  [tensor('int8', [1], Int8Array.of(-128)), tensor('int8', [2], Int8Array.of(-128, -128))],
  [tensor('bool', [2], Uint8Array.of(1, 0)), tensor('bool', [4], Uint8Array.of(1, 0, 1, 0))],
  [tensor('float32', [0]), tensor('float32', [0])],
];

export function elementTypeCases({ test, expect, runtime, wideIntegers = true }: RuntimeSuite): void {
  if (!wideIntegers) {
    test('run refuses integers that do not fit', async () => {
      const session = await runtime().load({ bytes: repeatModel('int64') });
      await failure(session.run({ x: WIDE[0] }), 'unsupported');
      await session.dispose();
    });
  }

  for (const [given, twice] of wideIntegers ? [WIDE, ...REPEATED] : REPEATED) {
    test(`run takes and returns ${given.dtype}[${given.dims}]`, async () => {
      const session = await runtime().load({ bytes: repeatModel(given.dtype) });
      expect((await session.run({ x: given })).y).toEqual(twice);
      await session.dispose();
    });
  }

  test('run takes and returns scalars', async () => {
    const session = await runtime().load({ bytes: doubleModel('float32', []) });
    const { y } = await session.run({ x: tensor('float32', [], Float32Array.of(1.5)) });
    expect(y).toEqual(tensor('float32', [], Float32Array.of(3)));
    await session.dispose();
  });

  test('run computes with float16, given as bit patterns', async () => {
    if (!(await runtime().capabilities()).float16) return;
    const session = await runtime().load({ bytes: doubleModel('float16', [2]) });
    // 1.5 and -2, doubled to 3 and -4
    const { y } = await session.run({ x: tensor('float16', [2], Uint16Array.of(0x3e00, 0xc000)) });
    expect(y).toEqual(tensor('float16', [2], Uint16Array.of(0x4200, 0xc400)));
    await session.dispose();
  });

  test('run computes QLinearConv with a scale that is fed', async () => {
    if (!(await runtime().capabilities()).int8) return;
    const session = await runtime().load({ bytes: convModel() });
    const x = tensor('uint8', [1, 1, 2, 2], Uint8Array.of(0, 1, 50, 200));
    const half = await session.run({ x, xScale: tensor('float32', [], Float32Array.of(0.5)) });
    expect(half.y).toEqual(x);
    const one = await session.run({ x, xScale: tensor('float32', [], Float32Array.of(1)) });
    expect(one.y).toEqual(tensor('uint8', [1, 1, 2, 2], Uint8Array.of(0, 2, 100, 255)));
    await session.dispose();
  });
}
