import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { encodeModel, type OnnxModel, type OnnxNode, parseModel, weightOf } from '@cachequant/onnx';
import {
  elementCount,
  isDeviceTensor,
  MersenneTwister,
  type Runtime,
  type Tensor,
  tensor,
} from '@cachequant/tensor';

export interface ModelParts {
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly constants: Readonly<Record<string, Tensor>>;
  readonly outputs: readonly string[];
  readonly opset?: number;
}

/** A model of a few nodes with float32 inputs. */
export function buildModel(
  nodes: OnnxNode[],
  { inputs, constants, outputs, opset = 17 }: ModelParts,
): OnnxModel {
  return {
    irVersion: 8,
    opsetImports: new Map([['', opset]]),
    producerName: 'test',
    metadata: new Map(),
    functions: [],
    graph: {
      name: 'test',
      nodes,
      inputs: Object.entries(inputs).map(([name, dims]) => ({
        name,
        dtype: 'float32',
        elementType: 1,
        dims: [...dims],
      })),
      outputs: outputs.map((name) => ({ name, dtype: 'float32', elementType: 1, dims: undefined })),
      valueInfo: new Map(),
      initializers: new Map(Object.entries(constants).map(([name, value]) => [name, weightOf(value, name)])),
    },
  };
}

/** A model of the repository: `fashion-sd/unet`, `tiny/dit`, … */
export function loadModel(name: string): OnnxModel {
  const url = new URL(`../../../../models/${name}/model.onnx`, import.meta.url);
  return parseModel(readFileSync(fileURLToPath(url)));
}

/** Normally distributed numbers around a mean. */
export function normal(
  dims: readonly number[],
  seed: number,
  { mean = 0, deviation = 1 } = {},
): Tensor<'float32'> {
  const generator = new MersenneTwister(seed);
  const uniform = () => (generator.nextUint32() + 0.5) / 2 ** 32;
  const data = Float32Array.from(
    { length: elementCount(dims) },
    () => mean + deviation * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
  return tensor('float32', dims, data);
}

export function int64s(...values: number[]): Tensor<'int64'> {
  return tensor('int64', [values.length], BigInt64Array.from(values, BigInt));
}

export function callIndex(call: number): Tensor<'int64'> {
  return tensor('int64', [], BigInt64Array.of(BigInt(call)));
}

/** Runs a model once; of the feeds, those that it has an input for. */
export async function run(
  runtime: Runtime,
  model: OnnxModel,
  feeds: Readonly<Record<string, Tensor>>,
  optimization: 'disabled' | 'all' = 'all',
): Promise<Record<string, Tensor<'float32'>>> {
  const session = await runtime.load({ bytes: encodeModel(model) }, { optimization });
  try {
    const names = session.inputs.map(({ name }) => name);
    const outputs = await session.run(Object.fromEntries(names.map((name) => [name, feeds[name]!])));
    const floats = Object.entries(outputs).map(([name, value]) => {
      if (isDeviceTensor(value) || value.dtype !== 'float32') throw new Error(`${name} is no float32 tensor`);
      return [name, value as Tensor<'float32'>] as const;
    });
    return Object.fromEntries(floats);
  } finally {
    await session.dispose();
  }
}

/** Signal to noise in decibels: 10 · log10(Σ y² / Σ (y − ŷ)²). */
export function signalToNoise(expected: Float32Array, actual: Float32Array): number {
  let signal = 0;
  let noise = 0;
  for (const [i, value] of expected.entries()) {
    signal += value * value;
    noise += (value - actual[i]!) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

export function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}
