import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type ChildResult, runWatched } from '../child.js';
import { PYTHON_SOURCES } from '../paths.js';
import type { ImportRequest } from './request.js';

const NEEDS = 'torch, diffusers, transformers, onnx';

/** Why the exporter cannot be run; undefined where it can. */
export function missingExporter({ python }: ImportRequest): string | undefined {
  const { error, status } = spawnSync(python, ['-c', `import ${NEEDS}`], { stdio: 'ignore' });
  if (error !== undefined) return `there is no ${python}`;
  return status === 0 ? undefined : `${python} lacks one of ${NEEDS}`;
}

/** Exports a diffusers folder, once unless asked to do it again. */
export async function exportModel(
  model: string,
  out: string,
  { python, signal, log }: ImportRequest,
): Promise<ChildResult> {
  await rm(out, { recursive: true, force: true });
  const script = path.join(PYTHON_SOURCES, 'export_onnx.py');
  return runWatched(python, [script, model, out], signal, log);
}

export function isExported(out: string): boolean {
  return existsSync(path.join(out, 'vae_encoder/model.onnx'));
}
