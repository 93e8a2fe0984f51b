import { createHash } from 'node:crypto';
import { cloneModel } from '../clone-model.js';
import { allWeights } from '../external-data.js';
import type { OnnxModel } from '../model.js';
import { readWeightBytes } from '../read-weight.js';

/** The model with every weight's elements replaced by their hash, so that models can be compared quickly. */
export async function digest(model: OnnxModel): Promise<OnnxModel> {
  const copy = cloneModel(model);
  for (const weight of allWeights(copy)) {
    const hash = createHash('sha256').update(await readWeightBytes(weight)).digest();
    weight.data = { kind: 'bytes', bytes: new Uint8Array(hash) };
  }
  return copy;
}
