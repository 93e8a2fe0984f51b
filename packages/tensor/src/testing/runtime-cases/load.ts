import { tensor, toBytes } from '../../index.js';
import { externalProductModel, productModel, sumModel, WEIGHT } from '../models.js';
import type { RuntimeSuite } from '../runtime-suite.js';
import { failure } from '../test-api.js';

const X = tensor('float32', [1, 2], Float32Array.of(10, 1));
const Y = tensor('float32', [1, 3], Float32Array.of(14, 25, 36));

export function loadCases({ test, expect, runtime, place }: RuntimeSuite): void {
  test('load tells names, element types and dimensions, fixed, symbolic and unknown', async () => {
    const session = await runtime().load({ bytes: sumModel() });
    expect(session.inputs).toEqual([
      { name: 'a', dtype: 'float32', dims: ['n', 3] },
      { name: 'b', dtype: 'float32', dims: [] },
    ]);
    expect(session.outputs.map((output) => output.name)).toEqual(['sum', 'difference']);
    await session.dispose();
    const product = await runtime().load({ bytes: productModel() });
    expect(product.inputs).toEqual([{ name: 'x', dtype: 'float32', dims: [null, 2] }]);
    await product.dispose();
  });

  test('load leaves the given bytes as they are', async () => {
    const bytes = productModel();
    const session = await runtime().load({ bytes });
    expect(bytes).toEqual(productModel());
    expect((await session.run({ x: X })).y).toEqual(Y);
    await session.dispose();
  });

  test('load takes bytes that are a part of a larger buffer', async () => {
    const model = productModel();
    const padded = new Uint8Array(model.byteLength + 20);
    padded.set(model, 7);
    const session = await runtime().load({ bytes: padded.subarray(7, 7 + model.byteLength) });
    expect((await session.run({ x: X })).y).toEqual(Y);
    await session.dispose();
  });

  test('load takes external data by its location', async () => {
    const externalData = new Map([['weight.bin', toBytes(WEIGHT.data)]]);
    const session = await runtime().load({ bytes: externalProductModel(), externalData });
    expect((await session.run({ x: X })).y).toEqual(Y);
    await session.dispose();
  });

  test('load without the external data it needs is refused', async () => {
    await failure(
      runtime().load({ bytes: externalProductModel() }),
      'runtime',
      'invalid-argument',
      'storage',
    );
  });

  test('load refuses bytes that are no model, and works afterwards', async () => {
    await failure(runtime().load({ bytes: Uint8Array.of(1, 2, 3, 4) }), 'runtime', 'onnx-format');
    const cut = productModel().slice(0, 40);
    await failure(runtime().load({ bytes: cut }), 'runtime', 'onnx-format');
    const session = await runtime().load({ bytes: productModel() });
    expect((await session.run({ x: X })).y).toEqual(Y);
    await session.dispose();
  });

  test('load refuses a path where nothing is', async () => {
    await failure(
      runtime().load({ path: '/no/such/folder/model.onnx' }),
      'storage',
      'runtime',
      'unsupported',
    );
  });

  test('load stops at an aborted signal', async () => {
    await failure(runtime().load({ bytes: productModel() }, { signal: AbortSignal.abort() }), 'aborted');
  });

  if (place === undefined) return;

  test('load opens a file with its external data beside it', async () => {
    const files = new Map([
      ['model.onnx', externalProductModel()],
      ['weight.bin', toBytes(WEIGHT.data).slice()],
    ]);
    const session = await runtime().load(await place(files));
    expect((await session.run({ x: X })).y).toEqual(Y);
    await session.dispose();
  });
}
