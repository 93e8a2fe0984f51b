import { makeNode, type OnnxModel, weightOf, writeModel } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, tensor, toFloat16 } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { layerLocator } from './locate-layer.js';

const [FLOAT32, FLOAT16] = [1, 10];
const value = (name: string) => ({ name, dtype: 'float32' as const, elementType: FLOAT32, dims: [2] });

/** x, in float16 times 30,000 and then times 1/30,000. */
function overflowing(): OnnxModel {
  const half = (number: number, name: string) =>
    [name, weightOf(tensor('float16', [1], toFloat16(Float32Array.of(number))), name)] as const;
  return {
    irVersion: 10,
    opsetImports: new Map([['', 17]]),
    producerName: '',
    metadata: new Map(),
    functions: [],
    graph: {
      name: 'overflowing',
      inputs: [value('x')],
      outputs: [value('y')],
      valueInfo: new Map(),
      initializers: new Map([half(30_000, 'large'), half(1 / 30_000, 'small')]),
      nodes: [
        makeNode('Cast', ['x'], ['h'], { to: FLOAT16 }, { name: 'begin' }),
        makeNode('Mul', ['h', 'large'], ['u'], {}, { name: 'up' }),
        makeNode('Mul', ['u', 'small'], ['d'], {}, { name: 'down' }),
        makeNode('Cast', ['d'], ['y'], { to: FLOAT32 }, { name: 'end' }),
      ],
    },
  };
}

describe('layerLocator(runtime, storage, path)', () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await createNodeRuntime({ threads: 1 });
  });
  afterAll(() => runtime.dispose());

  const locate = async (...numbers: [number, number]) => {
    const storage = memoryStorage();
    await writeModel(storage, 'model.onnx', overflowing());
    return layerLocator(
      runtime,
      storage,
      'model.onnx',
    )({ x: tensor('float32', [2], Float32Array.from(numbers)) });
  };

  it('names the layer at which float16 overflows, whatever precision the processor computes it in', async () => {
    expect(await locate(1, 3)).toBe('Mul up');
    expect(await locate(-3, 1)).toBe('Mul up');
  });

  it('names none where all is finite, and where the graph cannot be read', async () => {
    expect(await locate(1, 2)).toBeUndefined();
    expect(await layerLocator(runtime, memoryStorage(), 'model.onnx')({})).toBeUndefined();
  });

  it('names the layer that an infinite input reaches first', async () => {
    expect(await locate(Number.POSITIVE_INFINITY, 0)).toBe('Cast begin');
  });
});
