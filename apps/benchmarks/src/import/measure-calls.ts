import { copyFile, link, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Denoiser, openBundle } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import type { Runtime, Tensor } from '@cachequant/tensor';
import { runChild } from '../child.js';
import { loadFloat, loadOurs } from '../contestants.js';
import { interleave } from '../interleave.js';
import { exportModel, isExported, missingExporter } from './exporter.js';
import { sd15Folders } from './measure-folder.js';
import { SD15, writeSeededModel } from './models.js';
import type { ImportRequest } from './request.js';
import type { ImportResults } from './results.js';
import { unetCall } from './unet-call.js';

type Pair = Record<'imported' | 'exported', string>;

/** Times one call of the imported and of the exported U-Net in turn; nothing without the exporter. */
export async function measureCalls(request: ImportRequest): Promise<Partial<ImportResults>> {
  const { work, latentSize, integers, signal, log } = request;
  const { model, imported, exported } = sd15Folders(work);
  const missing = missingExporter(request);
  if (missing !== undefined) {
    log(`calls are not compared: ${missing}`);
    return {};
  }
  await writeSeededModel(model, SD15, signal);
  await runChild('import/import-model.js', [model, imported], signal, () => {});
  if (!isExported(exported)) await exportModel(model, exported, request);
  const runtime = await createNodeRuntime();
  try {
    const float = await inTurn({ imported, exported }, (folder) => floatOf(runtime, folder), request);
    const bundles = integers ? await makeBundles({ imported: model, exported }, request) : undefined;
    const int8 = bundles && (await inTurn(bundles, (folder) => bundleOf(runtime, folder), request));
    return {
      versions: { 'ONNX Runtime': runtime.version },
      calls: {
        measuredAt: new Date().toISOString(),
        latentSize,
        float: float.spreads,
        floatError: float.error,
        ...(int8 && { int8: int8.spreads }),
      },
    };
  } finally {
    await runtime.dispose();
  }
}

function floatOf(runtime: Runtime, folder: string): Promise<Denoiser> {
  return loadFloat(runtime, nodeStorage(folder), 'unet/model.onnx');
}

async function bundleOf(runtime: Runtime, folder: string): Promise<Denoiser> {
  const { manifest } = await openBundle(nodeStorage(folder), { check: 'sizes' });
  return loadOurs(runtime, nodeStorage(folder), manifest, { refreshCalls: [0] });
}

async function inTurn(
  { imported, exported }: Pair,
  load: (folder: string) => Promise<Denoiser>,
  { latentSize, rounds, signal, log }: ImportRequest,
) {
  const call = unetCall(latentSize);
  const denoisers = { imported: await load(imported), exported: await load(exported) };
  try {
    const outputs: Partial<Record<keyof Pair, Float32Array>> = {};
    const one = (name: keyof Pair) => async () => {
      outputs[name] = float32Of(await denoisers[name].predict(call));
    };
    const spreads = await interleave(
      { imported: one('imported'), exported: one('exported') },
      { rounds, warmUps: 1, signal },
      (done, total) => log(`${path.basename(imported)}, calls in turn: round ${done + 1} of ${total}`),
    );
    return { spreads, error: relativeError(outputs.imported!, outputs.exported!) };
  } finally {
    await Promise.all([denoisers.imported.dispose(), denoisers.exported.dispose()]);
  }
}

function float32Of({ data }: Tensor): Float32Array {
  return Float32Array.from(data as Float32Array);
}

function relativeError(ours: Float32Array, theirs: Float32Array): number {
  const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return ours.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i]!)), 0) / largest;
}

/** Bundles of both U-Nets; what was finished before is taken up. */
async function makeBundles(
  { imported, exported }: Pair,
  { work, latentSize, signal, log }: ImportRequest,
): Promise<Pair> {
  const make = async (name: string, folder: string) => {
    const alone = path.join(work, `${name}-unet`);
    await unetAlone(imported, folder, alone);
    const [steps, out] = [path.join(work, `${name}-work`), path.join(work, `${name}-bundle`)];
    const args = [alone, steps, out, String(latentSize)];
    await runChild('import/optimize-sd15-unet.js', args, signal, (line) => log(`${name}: ${line}`));
    return out;
  };
  return { imported: await make('imported', imported), exported: await make('exported', exported) };
}

/** A folder with the U-Net alone, whose files are linked: prompts would need a tokenizer. */
async function unetAlone(model: string, folder: string, out: string): Promise<void> {
  await rm(out, { recursive: true, force: true });
  await mkdir(path.join(out, 'scheduler'), { recursive: true });
  await mkdir(path.join(out, 'unet'));
  for (const file of await readdir(path.join(folder, 'unet'))) {
    if (file === 'config.json') continue;
    await link(path.join(folder, 'unet', file), path.join(out, 'unet', file));
  }
  // An exporter writes graphs alone.
  for (const file of ['model_index.json', 'scheduler/scheduler_config.json', 'unet/config.json']) {
    await copyFile(path.join(model, file), path.join(out, file));
  }
}
