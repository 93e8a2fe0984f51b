import { encodeModel, type OnnxModel, readWeightBytes } from '@cachequant/onnx';
import { describe, expect, test } from 'vitest';
import { CASES, feedsOf, readCase, relativeError, runOnce } from './__fixtures__/cases.js';
import { formulaWeights } from './__fixtures__/formula.js';
import { buildGraph } from './build-graph.js';

/** The model with its weights in memory. */
async function loaded(model: OnnxModel): Promise<Uint8Array> {
  for (const weight of model.graph.initializers.values()) {
    weight.data = { kind: 'bytes', bytes: await readWeightBytes(weight) };
  }
  return encodeModel(model);
}

describe('buildGraph computes what diffusers and transformers compute', () => {
  test.each(CASES)('%s', async (name) => {
    const given = readCase(name);
    const options = { ...given.options, ...given, placement: 'float32' } as const;
    const { parameters } = buildGraph(options);
    const { model } = buildGraph({ ...options, weights: formulaWeights(parameters) });
    const inputs = model.graph.inputs.map((input) => input.name);
    expect(inputs.sort()).toEqual(Object.keys(given.inputs).sort());
    expect(model.graph.outputs.map((output) => output.name)).toEqual(Object.keys(given.outputs));
    const error = relativeError(given, await runOnce(await loaded(model), feedsOf(given)));
    if (process.env.SHOW_ERRORS) console.log(`${name}: ${error.toExponential(1)}`);
    expect(error).toBeLessThan(1e-4);
  });
});
