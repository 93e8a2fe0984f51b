import {
  encodeModel,
  externalLocations,
  freshName,
  type OnnxModel,
  parseModel,
  replaceUses,
  weightOf,
} from '@cachequant/onnx';
import { type PredictionType, parseSchedulerConfig } from '@cachequant/samplers';
import { CacheQuantError, type Storage, tensor } from '@cachequant/tensor';
import { SAMPLE_NAMES, TIMESTEP_NAMES } from '../denoise/denoiser-inputs.js';
import { schedulerConfigSchema } from './component-configs.js';
import { convertTensor } from './convert-tensor.js';
import {
  INPUT_ARRAYS,
  INPUT_ORIGINS,
  type InputOrigins,
  inputOriginsText,
  type StoredOrigin,
} from './input-origins.js';
import { layeredStorage, type VirtualFile } from './layered-storage.js';
import { keepPrediction } from './prediction-output.js';
import { readJson } from './read-json.js';

/** Where an input of a graph comes from. */
export type InputOrigin =
  | { readonly from: 'sample' | 'time' }
  /**
   * The class of the request, as a whole number below `classes`. With `none`, the label that stands for no class, there is
   * an unconditional half, and so guidance.
   */
  | { readonly from: 'class'; readonly classes: number; readonly none?: number | undefined }
  /** The guidance scale of the request, or the picture's size in pixels. */
  | { readonly from: 'guidance' | 'width' | 'height' }
  /** The same number for every picture. */
  | { readonly from: 'value'; readonly value: number }
  /** The same array for every picture, as `numpy.save` writes it. */
  | { readonly from: 'array'; readonly npy: Uint8Array };

/** What a graph alone does not say of itself. */
export interface LoneModelOptions {
  /** The graph's file in the storage. */
  readonly graph: string;
  /** By the graph's own names; inputs with the usual names of sample and time may be left out. */
  readonly inputs?: Readonly<Record<string, InputOrigin>>;
  /** The output that predicts, of a graph that has several like its sample. */
  readonly output?: string | undefined;
  /** What the network predicts; left out: as `scheduler/scheduler_config.json` beside it says. */
  readonly prediction?: PredictionType | undefined;
}

const GRAPH = 'model.onnx';
const SCHEDULER = 'scheduler/scheduler_config.json';
const CALL_INDEX = 'call_index';

/** Classes that sample what a network of unknown training predicts; linear betas where there are some. */
const SAMPLERS: Readonly<Record<PredictionType, string>> = {
  epsilon: 'DDIMScheduler',
  v_prediction: 'DDIMScheduler',
  sample: 'DDIMScheduler',
  flow_prediction: 'FlowMatchEulerDiscreteScheduler',
  consistency: 'CMStochasticIterativeScheduler',
};

/**
 * Shows one graph with inputs of any names as a model folder, for everything that takes one: sample and time get their
 * usual names, `inputs.json` says where the others come from, and the scheduler what the network predicts. Numbers for
 * inputs without dimensions become constants. The graph is read whole, its external weights are not.
 * @throws CacheQuantError `invalid-argument` for an input that the graph has not, that nothing feeds, or that is not
 * one sample and at most one time; `unsupported` for samples that are not [B, C, H, W], and for several outputs that
 * could each be the prediction
 */
export async function loneModel(
  storage: Storage,
  { graph: path, inputs = {}, output, prediction }: LoneModelOptions,
): Promise<Storage> {
  const model = parseModel(await storage.read(path), { name: path });
  const declared = model.graph.inputs.filter(({ name }) => !model.graph.initializers.has(name));
  const names = declared.map(({ name }) => name);
  requireKnown(names, Object.keys(inputs), path);
  const origins = withUsual(names, inputs);
  requireFed(names, origins, path);
  keepPrediction(model, withSample(origins), output, path);
  const files = new Map<string, VirtualFile>();
  const stored: Record<string, StoredOrigin> = {};
  for (const was of names) {
    const origin = origins[was]!;
    if (origin.from === 'value' && rankOf(model, was) === 0) {
      setConstant(model, was, origin.value);
      stored[was] = { ...origin, was };
      continue;
    }
    const name = renamed(model, was, origin);
    if (origin.from !== 'array') stored[name] = { ...origin, was };
    else {
      const file = `${INPUT_ARRAYS}${name.replaceAll(/[^\w.-]/g, '_')}.npy`;
      stored[name] = { from: 'file', was, file };
      files.set(file, { make: async () => origin.npy });
    }
  }
  const bytes = encodeModel(model);
  files.set(GRAPH, { make: async () => bytes });
  files.set(INPUT_ORIGINS, textFile(inputOriginsText(stored as InputOrigins)));
  if (prediction !== undefined) files.set(SCHEDULER, textFile(await schedulerText(storage, prediction)));
  const beside = new Set(['config.json', SCHEDULER, ...(await externalLocations(storage, path))]);
  return layeredStorage(onlyFiles(storage, beside), files);
}

function withSample(origins: Readonly<Record<string, InputOrigin>>): string {
  return Object.keys(origins).find((name) => origins[name]!.from === 'sample')!;
}

function textFile(text: string): VirtualFile {
  return { make: async () => new TextEncoder().encode(text) };
}

/** What lies beside a graph belongs to others. */
function onlyFiles(storage: Storage, names: ReadonlySet<string>): Storage {
  return {
    ...storage,
    stat: async (path) => (names.has(path) ? storage.stat(path) : undefined),
    list: async (prefix) => (await storage.list(prefix)).filter((path) => names.has(path)),
    read: (path, range) => storage.read(path, range),
    create: (path) => storage.create(path),
    remove: (path) => storage.remove(path),
    lock: (name) => storage.lock(name),
    ...(storage.locate && { locate: (path: string) => storage.locate!(path) }),
    ...(storage.hash && { hash: (path: string) => storage.hash!(path) }),
  };
}

async function schedulerText(storage: Storage, prediction: PredictionType): Promise<string> {
  const own = (await storage.stat(SCHEDULER))
    ? await readJson(storage, SCHEDULER, schedulerConfigSchema, parseSchedulerConfig)
    : undefined;
  const config = own ?? {
    _class_name: SAMPLERS[prediction],
    ...(SAMPLERS[prediction] === 'DDIMScheduler' && { clip_sample: false }),
  };
  const named = !['consistency', 'flow_prediction'].includes(prediction) || own !== undefined;
  return JSON.stringify({ ...config, ...(named && { prediction_type: prediction }) });
}

/** Inputs that were not named, where their names say what they are. */
function withUsual(
  names: readonly string[],
  given: Readonly<Record<string, InputOrigin>>,
): Record<string, InputOrigin> {
  const origins: Record<string, InputOrigin> = { ...given };
  for (const [from, usual] of [
    ['sample', SAMPLE_NAMES],
    ['time', TIMESTEP_NAMES],
  ] as const) {
    if (Object.values(origins).some((origin) => origin.from === from)) continue;
    const found = usual.find((name) => names.includes(name) && !Object.hasOwn(given, name));
    if (found !== undefined) origins[found] = { from };
  }
  return origins;
}

function requireKnown(names: readonly string[], given: readonly string[], where: string): void {
  const unknown = given.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new CacheQuantError('invalid-argument', `the graph has no input ${unknown}`, {
    where,
    expected: names.join(', '),
  });
}

function requireFed(
  names: readonly string[],
  origins: Readonly<Record<string, InputOrigin>>,
  where: string,
): void {
  const count = (from: string) => Object.values(origins).filter((origin) => origin.from === from).length;
  if (count('sample') !== 1 || count('time') > 1) {
    throw new CacheQuantError('invalid-argument', 'the graph needs one noisy sample and at most one time', {
      where,
      got: `${count('sample')} and ${count('time')}, of ${names.join(', ')}`,
      hint: 'Say which input is the noisy sample: --input sample=NAME',
    });
  }
  const unfed = names.filter((name) => !Object.hasOwn(origins, name));
  if (unfed.length === 0) return;
  throw new CacheQuantError('invalid-argument', `nothing feeds ${unfed.join(', ')}`, {
    where,
    hint: `Give an array or a number: --input ${unfed[0]}=array.npy`,
  });
}

function rankOf({ graph }: OnnxModel, name: string): number | undefined {
  return graph.inputs.find((input) => input.name === name)?.dims?.length;
}

function setConstant({ graph }: OnnxModel, name: string, value: number): void {
  const { dtype } = graph.inputs.find((input) => input.name === name)!;
  const constant = convertTensor(tensor('float64', [], Float64Array.of(value)), dtype ?? 'float32');
  graph.inputs = graph.inputs.filter((input) => input.name !== name);
  graph.initializers.set(name, weightOf(constant, name));
}

/** Gives an input the name by which it is recognised, and any other input one that is not taken for it. */
function renamed(model: OnnxModel, was: string, { from }: InputOrigin): string {
  const { graph } = model;
  const usual = { sample: SAMPLE_NAMES, time: TIMESTEP_NAMES }[from as string];
  const reserved: readonly string[] = [...SAMPLE_NAMES, ...TIMESTEP_NAMES, CALL_INDEX];
  if (usual?.includes(was) || (usual === undefined && !reserved.includes(was))) return was;
  const name = usual
    ? usual.find((candidate) => freshName(graph, candidate) === candidate)
    : freshName(graph, `${was}_condition`);
  if (name === undefined) {
    throw new CacheQuantError('unsupported', 'the usual names of this input are taken in the graph', {
      where: was,
      got: usual!.join(', '),
    });
  }
  replaceUses(graph, was, name);
  graph.inputs = graph.inputs.map((input) => (input.name === was ? { ...input, name } : input));
  return name;
}
