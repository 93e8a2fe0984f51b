import { readFileSync } from 'node:fs';
import { tensor } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { buildModel } from '../__fixtures__/build-model.js';
import { loadModelFile } from '../__fixtures__/models.js';
import { exampleDims, randomFeeds, runModel } from '../__fixtures__/reference.js';
import { applyCut } from '../cuts/apply-cut.js';
import { findCuts } from '../cuts/find-cuts.js';
import type { OnnxModel } from '../model.js';
import { makeNode } from '../node.js';
import { encodeModel } from '../write/encode-model.js';
import { leanModel } from './lean-model.js';
import { parseModel } from './parse-model.js';
import { weightOf } from './read-weight.js';

const everyField = () =>
  parseModel(readFileSync(new URL('../__fixtures__/every-field.onnx', import.meta.url)));

const text = (model: OnnxModel) => new TextDecoder('latin1').decode(encodeModel(model));

/** A field of protobuf with a string. */
function stringField(number: number, value: string): Uint8Array {
  return Uint8Array.of(number * 8 + 2, value.length, ...new TextEncoder().encode(value));
}

describe('leanModel', () => {
  test('drops what exporters say of nodes, values and weights, and keeps other fields', () => {
    const model = buildModel([makeNode('Relu', ['x'], ['y'])], {
      inputs: { x: ['float32', [2]] },
      outputs: ['y'],
      constants: { w: tensor('float32', [1]) },
    });
    const trace = 'File "unet.py", line 7, in forward';
    model.unknown = Uint8Array.of(...stringField(6, trace), ...stringField(4, 'domain'));
    model.graph.unknown = stringField(10, trace);
    // The overload of a function that a node calls must stay.
    model.graph.nodes[0]!.unknown = Uint8Array.of(
      ...stringField(6, trace),
      ...stringField(8, 'overload'),
      ...stringField(9, trace),
    );
    model.graph.inputs[0]!.unknown = stringField(3, trace);
    model.graph.initializers.get('w')!.unknown = stringField(12, trace);
    const before = text(model);
    expect(before.split(trace)).toHaveLength(7);
    const lean = leanModel(model);
    expect(text(lean)).not.toContain(trace);
    expect(text(lean)).toContain('overload');
    expect(text(lean)).toContain('domain');
    expect(text(model)).toBe(before);
    expect(leanModel(lean)).toEqual(lean);
  });

  test('reads every field of a file that has them all', () => {
    const lean = leanModel(everyField());
    expect(parseModel(encodeModel(lean))).toBeDefined();
  });

  test.each(['tiny/sd-unet-dynamo', 'tiny/dit'])('leaves %s computing the same', async (name) => {
    const bytes = loadModelFile(`${name}/model.onnx`);
    const model = parseModel(bytes);
    const feeds = randomFeeds(model, exampleDims(model), 3);
    const lean = encodeModel(leanModel(model));
    expect(lean.byteLength).toBeLessThanOrEqual(bytes.byteLength);
    const [expected, actual] = [await runModel(bytes, feeds), await runModel(lean, feeds)];
    for (const [output, { data }] of Object.entries(expected)) expect(actual[output]!.data).toEqual(data);
  });

  test('makes large Constant nodes initializers, so that both halves of a cut share them', () => {
    const constant = weightOf(tensor('float32', [8, 8, 8, 8], new Float32Array(4096).fill(0.01)), '');
    const small = weightOf(tensor('float32', [1], Float32Array.of(2)), '');
    const conv = (from: string, to: string) => makeNode('Conv', [from, 'w'], [to], { pads: [3, 3, 4, 4] });
    const model = buildModel(
      [
        makeNode('Constant', [], ['w'], { value: constant }),
        makeNode('Constant', [], ['two'], { value: small }),
        conv('x', 'skip'),
        conv('skip', 'deep'),
        makeNode('Concat', ['deep', 'skip'], ['joined'], { axis: 1 }),
        makeNode('Slice', ['joined', 's', 'e', 'a'], ['half']),
        conv('half', 'last'),
        makeNode('Mul', ['last', 'two'], ['y']),
      ],
      {
        inputs: { x: ['float32', [1, 8, 4, 4]] },
        outputs: ['y'],
        constants: {
          s: tensor('int64', [1], BigInt64Array.of(4n)),
          e: tensor('int64', [1], BigInt64Array.of(12n)),
          a: tensor('int64', [1], BigInt64Array.of(1n)),
        },
      },
    );
    const lean = leanModel(model);
    const { full, cached } = applyCut(lean, findCuts(lean, { inputDims: {} })[0]!);
    for (const { graph } of [full, cached]) {
      expect(graph.nodes.filter(({ opType }) => opType === 'Constant').map(({ outputs }) => outputs)).toEqual(
        [['two']],
      );
      expect(graph.initializers.get('w')!.dims).toEqual([8, 8, 8, 8]);
    }
  });
});
