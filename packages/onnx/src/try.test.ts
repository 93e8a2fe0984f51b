import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'vitest';
import { loadModelFile, MODEL_PATHS } from './__fixtures__/models.js';
import { encodeModel, parseModel } from './index.js';
test('x', () => {
  const all = [...MODEL_PATHS.map((p) => [p.replaceAll('/', '_'), loadModelFile(p)] as const), ['every-field.onnx', readFileSync(new URL('./__fixtures__/every-field.onnx', import.meta.url))] as const];
  for (const [p, b] of all) { const t = performance.now(); const m = parseModel(b); const t2 = performance.now(); const o = encodeModel(m); console.log(p, t2 - t, performance.now() - t2); writeFileSync('/tmp/onnxw/' + p + '.a', b); writeFileSync('/tmp/onnxw/' + p + '.b', o); }
});
