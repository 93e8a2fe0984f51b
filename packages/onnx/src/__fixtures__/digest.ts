import { createHash } from 'node:crypto';
import { cloneModel } from '../edit/clone-model.js';
import type { OnnxModel } from '../model.js';
import { allWeights } from '../read/external-data.js';
import { readWeightBytes } from '../read/read-weight.js';

/** Everything that a model says, as text: all runs of bytes as hashes, weights alike wherever they lie. */
export async function digest(model: OnnxModel): Promise<string> {
  const copy = cloneModel(model);
  for (const weight of allWeights(copy)) {
    weight.data = { kind: 'bytes', bytes: await readWeightBytes(weight) };
  }
  return JSON.stringify(copy, (_, value: unknown) => {
    if (value instanceof Map) return [...value];
    if (value instanceof Uint8Array) return createHash('sha256').update(value).digest('hex');
    return typeof value === 'bigint' ? `${value}n` : value;
  });
}
