import { elementCount } from '@cachequant/tensor';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { OnnxModel } from '../model.js';

export type Feeds = Record<string, Tensor>;

/** Sizes for the symbols that the models' exporters use; any other symbol is 5. */
const SIZES: Readonly<Record<string, number>> = {
  batch_size: 2,
  s53: 2,
  height: 8,
  s30: 8,
  latent_height: 8,
  width: 16,
  s91: 16,
  latent_width: 16,
};

/** Shapes for all inputs of a model that differ on every kind of axis. */
export function exampleDims(model: OnnxModel): Record<string, number[]> {
  const sizeOf = (dim: number | string | null): number =>
    typeof dim === 'number' ? dim : (SIZES[dim ?? ''] ?? 5);
  return Object.fromEntries(model.graph.inputs.map(({ name, dims }) => [name, dims!.map(sizeOf)]));
}

/** A small generator of numbers in [-1, 1). */
export function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** Random floats, and integers below ten, for all inputs of a model. */
export function randomFeeds(
  model: OnnxModel,
  inputDims: Readonly<Record<string, number[]>>,
  seed: number,
): Feeds {
  const next = uniform(seed);
  return Object.fromEntries(
    model.graph.inputs.map(({ name, dtype }) => {
      const dims = inputDims[name]!;
      const values = Array.from({ length: elementCount(dims) }, next);
      if (dtype === 'float32') return [name, new Tensor('float32', values, dims)];
      const whole = values.map((value) => BigInt(Math.floor((value + 1) * 5)));
      return [name, new Tensor('int64', BigInt64Array.from(whole), dims)];
    }),
  );
}

/** Runs a model with onnxruntime as it stands, without optimizations. */
export async function runModel(bytes: Uint8Array, feeds: Feeds): Promise<Record<string, Tensor>> {
  const session = await InferenceSession.create(bytes, {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 3,
  });
  const results = await session.run(feeds);
  await session.release();
  return results as Record<string, Tensor>;
}

/**
 * Makes more tensors graph outputs, by name alone: two messages put one after the other merge, and onnxruntime
 * finds the types itself.
 */
export function exposeTensors(model: Uint8Array, names: readonly string[]): Uint8Array {
  const outputs = names.flatMap((name) => message(12, message(1, [...new TextEncoder().encode(name)])));
  const graph = message(7, outputs);
  const exposed = new Uint8Array(model.byteLength + graph.length);
  exposed.set(model);
  exposed.set(graph, model.byteLength);
  return exposed;
}

function message(field: number, content: readonly number[]): number[] {
  const length: number[] = [];
  for (let rest = content.length; ; rest = Math.floor(rest / 128)) {
    length.push(rest < 128 ? rest : (rest % 128) + 128);
    if (rest < 128) break;
  }
  return [field * 8 + 2, ...length, ...content];
}
