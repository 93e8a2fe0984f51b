import { resolve } from 'node:path';
import {
  applyCut,
  type CutCandidate,
  createWeightFile,
  describeUnknownOperators,
  leanModel,
  type OnnxModel,
  type SplitModel,
  writeModel,
} from '@cachequant/onnx';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, type Storage } from '@cachequant/tensor';
import type { Command } from 'commander';
import { analyseGraph, type InspectedGraph } from '../analysis/analysed-graph.js';
import { feedInputs } from '../analysis/input-dims.js';
import { hintsBeside } from '../analysis/size-hints.js';
import { examples, type GlobalOptions } from '../command-context.js';
import { type CliIo, writeJson, writeLines } from '../io.js';
import { type DeferredStorage, deferredStorage } from '../model-sources/deferred-storage.js';
import { locateGraph, type ModelLocation } from '../model-sources/model-location.js';
import { requireWritableFolder } from '../options/output-folder.js';
import { shapeByName } from '../options/parse-arguments.js';
import { type CutReport, cutLines } from '../print/print-cut.js';

const WEIGHTS = 'weights.bin';

interface CutOptions extends GlobalOptions {
  readonly out: string;
  readonly cut?: string;
  readonly dim?: Readonly<Record<string, readonly number[]>>;
}

export function addCut(command: Command, io: CliIo): void {
  command
    .description(
      'Splits a denoiser in two graphs that share their weights: full.onnx, which also gives the features to ' +
        'cache, and cached.onnx, which takes them and computes only the rest. Nothing is quantized.',
    )
    .argument('<model.onnx>', 'the graph of a denoiser')
    .requiredOption('--out <folder>', 'where full.onnx, cached.onnx and weights.bin go')
    .option('--cut <id>', 'where to cut, as `cachequant inspect` names it (default: the first)')
    .option(
      '--dim <name=sizes>',
      'rank the cuts at this shape of an input; may be given several times',
      shapeByName,
    )
    .addHelpText(
      'after',
      examples([
        ['cut ./unet/model.onnx --out ./cut', 'at the best place'],
        ['inspect ./unet/model.onnx', 'list the places to cut'],
      ]),
    )
    .action((given: string, _: unknown, command: Command) =>
      cut(given, command.optsWithGlobals<CutOptions>(), io),
    );
}

async function cut(given: string, options: CutOptions, io: CliIo): Promise<void> {
  const location = await locateGraph(io.cwd, given);
  const out = resolve(io.cwd, options.out);
  requireOtherFolder(location, out, options.out);
  await requireWritableFolder(out, `--out ${options.out}`);
  await requireReplaceable(nodeStorage(out), options.out);
  const hints = await hintsBeside(location.storage);
  const analysed = await analyseGraph(location.storage, location.file, {
    hints,
    dims: options.dim,
    signal: io.signal,
  });
  const candidate = chooseCut(analysed, options.cut, given);
  const split = applyCut(leanModel(analysed.model), candidate);
  const weightBytes = await writeSplit(deferredStorage(nodeStorage(out)), split, io.signal);
  const report: CutReport = {
    out,
    cut: candidate,
    cacheName: split.cacheName,
    weightBytes,
    full: interfaceOf(split.full),
    cached: interfaceOf(split.cached),
  };
  if (options.json) writeJson(io, report);
  else writeLines(io.stdout, cutLines(report));
}

function requireOtherFolder({ folder }: ModelLocation, out: string, given: string): void {
  if (folder !== out) return;
  throw new CacheQuantError('invalid-argument', 'the model itself lies there', {
    where: `--out ${given}`,
    hint: 'Choose another folder: the weights of the model could be overwritten while they are read',
  });
}

function chooseCut({ cuts, model }: InspectedGraph, id: string | undefined, where: string): CutCandidate {
  const found = id === undefined ? cuts[0] : cuts.find((candidate) => candidate.id === id);
  if (found) return found;
  if (cuts.length === 0) {
    throw new CacheQuantError('unsupported', 'the graph has no place to cut', {
      where,
      ...describeUnknownOperators(model),
      expected: 'a U-Net, or a transformer with a residual stream',
    });
  }
  throw new CacheQuantError('invalid-argument', 'there is no such cut', {
    where: `--cut ${id}`,
    expected: `one of ${cuts.map((candidate) => candidate.id).join(', ')}`,
  });
}

const FILES = ['full.onnx', 'cached.onnx', WEIGHTS];

/** All three or none are those of an earlier cut; some of them are something else. */
async function requireReplaceable(storage: Storage, where: string): Promise<void> {
  const found = await Promise.all(FILES.map(async (path) => ((await storage.stat(path)) ? [path] : [])));
  const there = found.flat();
  if (there.length === 0 || there.length === FILES.length) return;
  throw new CacheQuantError('storage', 'a file of that name already exists', {
    where: `--out ${where}`,
    got: there.join(', '),
    expected: 'none of them, or all files of an earlier cut, which are replaced',
    hint: 'Nothing was changed. Choose another folder',
  });
}

/** @returns bytes of the weights that both graphs use */
async function writeSplit(
  storage: DeferredStorage,
  { full, cached }: SplitModel,
  signal: AbortSignal | undefined,
): Promise<number> {
  try {
    const weightFile = await createWeightFile(storage, WEIGHTS, { location: WEIGHTS });
    const options = { weightFile, ...(signal && { signal }) };
    await writeModel(storage, 'full.onnx', full, options);
    await writeModel(storage, 'cached.onnx', cached, options);
    await weightFile.commit();
    await storage.commitAll();
    return weightFile.size;
  } catch (error) {
    await storage.abortAll();
    throw error;
  }
}

function interfaceOf({ graph }: OnnxModel): CutReport['full'] {
  const declared = ({ name, dtype, dims }: OnnxModel['graph']['inputs'][number]) => ({
    name,
    dtype,
    dims: dims ?? null,
  });
  return { inputs: feedInputs(graph).map(declared), outputs: graph.outputs.map(declared) };
}
