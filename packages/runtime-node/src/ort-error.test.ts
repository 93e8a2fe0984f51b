import { expect, test } from 'vitest';
import { ortError } from './ort-error.js';

test.each([
  [
    "Cannot find package 'onnxruntime-node' imported from /x/session-host.js",
    /npm install onnxruntime-node.*ONNXRUNTIME_NODE_INSTALL=skip/,
  ],
  [
    "Cannot find module '../bin/napi-v6/darwin/x64/onnxruntime_binding.node'\nRequire stack:\n- /x/onnxruntime-node/dist/binding.js",
    /no binary for this platform/,
  ],
  ['Failed to load model because protobuf parsing failed.', /downloaded whole/],
  ['Unsupported model IR version: 99, max supported IR version: 13', /older opset/],
  ['ai.onnx:Nonsense(-1) is not a registered function/op', /lacks this operator/],
])('ortError of "%s" keeps the message and says what to do', (message, hint) => {
  const error = ortError('the model cannot be loaded', 'model.onnx', message);
  expect(error).toMatchObject({ code: 'runtime', where: 'model.onnx', got: message });
  expect(error.hint).toMatch(hint);
});

test('ortError of an unusual message gives no advice', () => {
  expect(ortError('it failed', 'x', 'something else').hint).toBe(undefined);
});
