import { type Tensor, tensor } from '@cachequant/tensor';
import { expect } from 'vitest';
import { inferShapes } from '../analyze/infer-shapes.js';
import { type AttributeInput, makeNode } from '../node.js';
import { encodeModel } from '../write/encode-model.js';
import { buildModel, type ModelParts } from './build-model.js';
import { exposeTensors, randomFeeds, runModel } from './reference.js';

/** A graph of one node; inputs of the parts are fed, the rest is constant. */
export interface SingleNode {
  /** 'Type' or 'domain.Type'. */
  readonly op: string;
  readonly inputs: string[];
  readonly attributes?: Record<string, AttributeInput>;
  readonly parts: ModelParts;
  readonly outputs?: number;
}

export const scalar = (value: number): Tensor => tensor('float32', [], Float32Array.of(value));
export const index = (value: number): Tensor => tensor('int64', [], BigInt64Array.of(BigInt(value)));
export const image: ModelParts['inputs'] = { x: ['float32', [2, 4, 7, 9]] };
export const matrix: ModelParts['inputs'] = { x: ['float32', [3, 5]] };

/** Compares what inference says of the node's outputs with what onnxruntime computes. */
export async function expectAsComputed({
  op,
  inputs,
  attributes,
  parts,
  outputs = 1,
}: SingleNode): Promise<void> {
  const at = op.lastIndexOf('.');
  const names = Array.from({ length: outputs }, (_, position) => `out${position}`);
  const node = makeNode(op.slice(at + 1), inputs, names, attributes, {
    name: 'node',
    domain: op.slice(0, Math.max(at, 0)),
  });
  const model = buildModel([node], parts);
  const inferred = inferShapes(model, { fused: true });
  const inputDims = Object.fromEntries(
    Object.entries(parts.inputs ?? {}).map(([name, [, dims]]) => [name, dims as number[]]),
  );
  const results = await runModel(exposeTensors(encodeModel(model), names), randomFeeds(model, inputDims, 3));
  for (const name of names) {
    const { values, ...said } = inferred.get(name)!;
    const { type, dims, data } = results[name]!;
    expect(said).toEqual({ dtype: type, dims: [...dims] });
    if (values === undefined) continue;
    // Adding 0 makes one of the two zeros.
    const computed = Array.from(data as Float32Array, (value) => Number(value) + 0);
    expect(values.map((value) => Number(value) + 0)).toEqual(computed);
  }
}
