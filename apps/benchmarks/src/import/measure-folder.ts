import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { nodeStorage } from '@cachequant/runtime-node';
import { z } from 'zod';
import { type ChildResult, runChild } from '../child.js';
import { exportModel, missingExporter } from './exporter.js';
import { SD15, writeSeededModel } from './models.js';
import type { ImportRequest } from './request.js';
import type { ImportResults } from './results.js';

/** Where the parts of this benchmark find each other's folders. */
export function sd15Folders(work: string): Record<'model' | 'imported' | 'exported', string> {
  const inWork = (name: string) => path.join(work, name);
  return { model: inWork('sd15'), imported: inWork('sd15-imported'), exported: inWork('sd15-exported') };
}

/** Imports and exports a folder of Stable Diffusion 1.5's size, one after the other, and calls both U-Nets once. */
export async function measureFolder(request: ImportRequest): Promise<Partial<ImportResults>> {
  const { work, latentSize, signal, log } = request;
  const { model, imported, exported } = sd15Folders(work);
  log('weights of Stable Diffusion 1.5');
  const parameters = await writeSeededModel(model, SD15, signal);
  await rm(imported, { recursive: true, force: true });
  log('importing');
  const importing = await runChild('import/import-model.js', [model, imported], signal, log);
  const withoutExport = missingExporter(request);
  log(withoutExport ?? 'exporting');
  const exporting = withoutExport === undefined ? await exportModel(model, exported, request) : undefined;
  const firstCall = async (folder: string) => {
    log(`first call of ${path.basename(folder)}`);
    const args = [folder, String(latentSize)];
    const { lines, peakBytes } = await runChild('import/first-call.js', args, signal, () => {});
    return { ...firstCallSchema.parse(JSON.parse(lines.at(-1) ?? '')), peakBytes };
  };
  return {
    versions: exporting ? versionsOf(exporting.lines) : {},
    folder: {
      measuredAt: new Date().toISOString(),
      parameters,
      sourceBytes: await writtenBytes(model),
      imported: {
        ...processOf(importing),
        writtenBytes: await writtenBytes(imported),
        parts: partsOf(importing),
      },
      ...(exporting && {
        exported: {
          ...processOf(exporting),
          writtenBytes: await writtenBytes(exported),
          parts: partsOf(exporting),
        },
      }),
      ...(withoutExport !== undefined && { withoutExport }),
      firstCall: {
        imported: await firstCall(imported),
        ...(exporting && { exported: await firstCall(exported) }),
      },
    },
  };
}

const firstCallSchema = z.object({
  loadSeconds: z.number(),
  callSeconds: z.number(),
  keptBytes: z.number(),
});

function processOf({ seconds, peakBytes, peakResidentBytes }: ChildResult) {
  return { seconds, peakBytes, peakResidentBytes };
}

function partsOf({ lines }: ChildResult): string[] {
  return lines.flatMap((line) => /^(?:built|exported) (\S+)$/.exec(line)?.[1] ?? []);
}

/** `versions torch=2.13.0 onnx=1.23.2` */
function versionsOf(lines: readonly string[]): Record<string, string> {
  const [, named = ''] = /^versions (.*)$/m.exec(lines.join('\n')) ?? [];
  return Object.fromEntries(named.split(' ').map((entry) => entry.split('=') as [string, string]));
}

/** Of files with one name alone: what is linked was there before. */
async function writtenBytes(folder: string): Promise<number> {
  let sum = 0;
  for (const name of await nodeStorage(folder).list()) {
    const { size, nlink } = await stat(path.join(folder, name));
    sum += nlink === 1 || folder.endsWith('sd15') ? size : 0;
  }
  return sum;
}
