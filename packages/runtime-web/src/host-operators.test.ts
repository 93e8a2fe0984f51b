import { expect, test } from 'vitest';
import { hostOperatorsIn } from './host-log.js';
import { computingOnHost, notOnWebGpu } from './host-operators.js';

const line = (text: string) =>
  `2026-11-25 23:47:14.758900 [V:onnxruntime:, session_state.cc:1385 VerifyEachNodeIsAssignedToAnEp] ${text}`;

/** As ONNX Runtime 1.30 prints it. */
const LOG = [
  line('Node placements'),
  line(' Node(s) placed on [WebGpuExecutionProvider]. Number of nodes: 2'),
  line('  Conv (/conv_in/Conv)'),
  line('  Gather (/embeddings)'),
  line(' Node(s) placed on [CPUExecutionProvider]. Number of nodes: 4'),
  line('  Gather (/Gather)'),
  line('  Gather (/Gather_1)'),
  line('  QLinearConv (/conv_out/Conv)'),
  line('  Reshape (/Reshape)'),
];

test('hostOperatorsIn counts what is on the processor alone', () => {
  expect(hostOperatorsIn(LOG)).toEqual({ Gather: 2, QLinearConv: 1, Reshape: 1 });
  expect(hostOperatorsIn([])).toEqual({});
});

test('computingOnHost leaves out what works on sizes and indices', () => {
  expect(computingOnHost({ Gather: 2, Concat: 3, Mul: 1 })).toEqual({});
  expect(computingOnHost(hostOperatorsIn(LOG))).toEqual({ QLinearConv: 1 });
  expect(notOnWebGpu('a model', { QLinearConv: 1, Foo: 2 }).message).toMatch(/1 QLinearConv, 2 Foo/);
});

test('hostOperatorsIn of a log where all are on one provider', () => {
  const all = (provider: string) => [line(` All nodes placed on [${provider}]. Number of nodes: 4`)];
  expect(hostOperatorsIn(all('CPUExecutionProvider'))).toEqual({ '*': 4 });
  expect(hostOperatorsIn(all('WebGpuExecutionProvider'))).toEqual({});
  expect(notOnWebGpu('a model', computingOnHost({ '*': 4 })).message).toMatch(/all 4 operators on/);
});
