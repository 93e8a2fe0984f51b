import { isBundle, openBundle, openModelFolder } from '@cachequant/pipeline';
import type { Command } from 'commander';
import { analyseGraph } from '../analysis/analysed-graph.js';
import { bundleLayers } from '../analysis/bundle-layers.js';
import { type GraphInspection, inspectGraph } from '../analysis/inspection.js';
import { type PipelineParts, pipelineParts } from '../analysis/pipeline-parts.js';
import { hintsBeside, hintsOfFolder } from '../analysis/size-hints.js';
import { examples, type GlobalOptions } from '../command-context.js';
import { type CliIo, writeJson, writeLines } from '../io.js';
import { openModel, openWholeModel } from '../model-sources/open-model.js';
import type { OpenedModelSource } from '../model-sources/open-model-source.js';
import { addSourceOptions, MODEL_KINDS, type SourceOptions } from '../model-sources/source-options.js';
import { shapeByName } from '../options/parse-arguments.js';
import { bundleLines } from '../print/print-bundle.js';
import { graphLines, layerLines } from '../print/print-inspection.js';
import { bundleLayerLines } from '../print/print-layers.js';
import { pipelineLines } from '../print/print-pipeline.js';
import { createProgress } from '../print/progress.js';
import { withRuntime } from '../with-runtime.js';

interface InspectOptions extends GlobalOptions, SourceOptions {
  readonly layers?: boolean;
  readonly dim?: Readonly<Record<string, readonly number[]>>;
}

interface Inspection {
  /** Path of the graph. */
  readonly model: string;
  /** Null for a single graph. */
  readonly pipeline: PipelineParts | null;
  readonly graph: GraphInspection;
}

export function addInspect(command: Command, io: CliIo): void {
  command
    .description(
      'Shows the inputs, the size, the places where the network can be cut for caching, and which layers would ' +
        'run in integers. The network is not run.',
    )
    .argument('<model>', `a bundle, a single ONNX graph, ${MODEL_KINDS}`)
    .option('--layers', 'list every layer; of a bundle with its bits, scales, error and times')
    .option(
      '--dim <name=sizes>',
      'analyse at this shape of an input, for example sample=2,4,64,64; may be given several times',
      shapeByName,
    );
  addSourceOptions(command)
    .addHelpText(
      'after',
      examples([
        ['inspect ./my-model', 'a folder'],
        ['inspect ./unet/model.onnx --dim sample=1,4,128,128', 'one graph, at a size of your own'],
        ['inspect ./my-model --layers --json', 'everything, for a program'],
        ['inspect ./my-bundle --layers', 'which layers became integers, and why'],
      ]),
    )
    .action((given: string, _: unknown, command: Command) =>
      inspect(given, command.optsWithGlobals<InspectOptions>(), io),
    );
}

async function inspect(given: string, options: InspectOptions, io: CliIo): Promise<void> {
  const isFed = options.input !== undefined || options.output !== undefined;
  const progress = createProgress(io.stderr);
  const location = isFed
    ? await openWholeModel(given, options, io, progress)
    : await openModel(given, options, io, progress, { incomplete: true });
  if (location.graph === undefined && (await isBundle(location.storage))) {
    await inspectBundle(location, options, io);
    return;
  }
  const inspection = await inspectModel(location, options, io.signal);
  if (options.json) {
    writeJson(io, inspection);
    return;
  }
  writeLines(io.stdout, [inspection.model, ...graphLines(inspection.graph)]);
  if (inspection.pipeline) writeLines(io.stdout, ['', ...pipelineLines(inspection.pipeline)]);
  if (options.layers) writeLines(io.stdout, ['', 'Layers', ...layerLines(inspection.graph)]);
}

async function inspectBundle(
  { storage }: OpenedModelSource,
  { json, layers: wanted }: InspectOptions,
  io: CliIo,
): Promise<void> {
  const bundle = await openBundle(storage);
  const { manifest, verification } = bundle;
  const layers = wanted
    ? await withRuntime({ threads: 1 }, (runtime) => bundleLayers(bundle, runtime))
    : undefined;
  if (json) {
    writeJson(io, { bundle: { manifest, verification }, ...(layers && { layers }) });
    return;
  }
  writeLines(io.stdout, bundleLines(bundle));
  if (layers) writeLines(io.stdout, ['', 'Layers', ...bundleLayerLines(layers)]);
}

async function inspectModel(
  { storage, place, graph: file }: OpenedModelSource,
  { dim: dims }: InspectOptions,
  signal: AbortSignal | undefined,
): Promise<Inspection> {
  const opened = file === undefined ? await openModelFolder(storage) : undefined;
  const path = opened?.denoiser.model ?? file!;
  const hints = opened ? hintsOfFolder(opened) : await hintsBeside(storage);
  const analysed = await analyseGraph(opened?.storage ?? storage, path, { hints, dims, signal });
  return {
    model: storage.locate?.(path) ?? `${place}/${path}`,
    pipeline: opened?.index || opened?.inputOrigins ? pipelineParts(opened, analysed.inputs) : null,
    graph: inspectGraph(analysed),
  };
}
