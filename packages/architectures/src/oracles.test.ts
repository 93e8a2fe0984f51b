import { encodeModel, freezeShapes, type OnnxModel, readWeightBytes } from '@cachequant/onnx';
import { describe, expect, test } from 'vitest';
import { CASES, type Case, feedsOf, readCase, relativeError, runOnce } from './__fixtures__/cases.js';
import { formulaWeights } from './__fixtures__/formula.js';
import { buildGraph } from './build-graph.js';

/** The model with its weights in memory. */
async function loaded(model: OnnxModel): Promise<Uint8Array> {
  for (const weight of model.graph.initializers.values()) {
    weight.data = { kind: 'bytes', bytes: await readWeightBytes(weight) };
  }
  return encodeModel(model);
}

/** The case's model, with the weights that diffusers computed with. */
function modelOf(given: Case): OnnxModel {
  const options = { ...given.options, ...given, placement: 'float32' } as const;
  const { parameters } = buildGraph(options);
  return buildGraph({ ...options, weights: formulaWeights(parameters) }).model;
}

describe('buildGraph computes what diffusers and transformers compute', () => {
  test.each(CASES)('%s', async (name) => {
    const given = readCase(name);
    const model = modelOf(given);
    const inputs = model.graph.inputs.map((input) => input.name);
    expect(inputs.sort()).toEqual(Object.keys(given.inputs).sort());
    expect(model.graph.outputs.map((output) => output.name)).toEqual(Object.keys(given.outputs));
    const error = relativeError(given, await runOnce(await loaded(model), feedsOf(given)));
    if (process.env.SHOW_ERRORS) console.log(`${name}: ${error.toExponential(1)}`);
    expect(error).toBeLessThan(1e-4);
  });
});

describe('freezeShapes fixes the sizes of what buildGraph gives', () => {
  const shapeOperators = ['Shape', 'Range', 'Squeeze'];

  test.each(CASES)('%s', async (name) => {
    const given = readCase(name);
    const inputDims = Object.fromEntries(
      Object.entries(given.inputs).map(([input, { dims }]) => [input, dims] as const),
    );
    const frozen = freezeShapes(modelOf(given), inputDims);
    const outputs = frozen.graph.outputs.map((output) => [output.name, output.dims]);
    expect(outputs).toEqual(Object.entries(given.outputs).map(([output, { dims }]) => [output, dims]));
    expect(
      frozen.graph.nodes.map(({ opType }) => opType).filter((op) => shapeOperators.includes(op)),
    ).toEqual([]);
    const error = relativeError(given, await runOnce(await loaded(frozen), feedsOf(given)));
    expect(error).toBeLessThan(1e-4);
  });
});
