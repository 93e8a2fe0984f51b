import type { CacheCorrectionKind } from '@cachequant/pipeline';
import type { ScheduleChoice } from '../search/schedule-choices.js';

/** How a calibrated model differs from what was observed: without integers, at another cache interval, or as `named` says. */
export type ModelChanges = readonly ModelChange[];
type ModelChange = 'float' | { readonly interval: number } | { readonly named: string };

/** Schedule, cache correction and guidance of a candidate, and the changes to the calibrated model that it is for. */
export interface CandidateKey {
  readonly changes: ModelChanges;
  readonly schedule: ScheduleChoice;
  readonly correction: CacheCorrectionKind;
  readonly guidance: 'computed' | 'forecast';
}

/** A share of the calibration images: those whose numbers, from 0, leave `index` − 1 when divided by `count`. */
export interface Shard {
  /** From 1. */
  readonly index: number;
  readonly count: number;
}

/** Stages that an optimization has once, by what they do. */
const ONCE = {
  cut: 'cut the network in two',
  observe: 'observe the float model',
  references: 'generate the reference pictures',
  'layer-experiment': 'quantize every layer to measure it',
  'layer-times': 'measure the time of each layer',
  'layer-errors': 'measure the error of each layer',
  'layer-choice': 'decide which layers stay in float',
  quantize: 'quantize the weights',
  anchors: 'observe the quantized features',
  decoder: 'quantize the decoder',
  'text encoder': 'quantize the text encoder',
  bundle: 'write the bundle',
} as const;

/** Stages that each variant of a calibrated model has once. */
const ONCE_A_VARIANT = {
  'without-cache': 'try the model without a cache',
  'search-limits': 'measure calls of each kind',
  search: 'search for the calls to make',
  'float-variants': 'write float graphs for other backends',
  sizes: 'make the graphs of further sizes',
  verify: 'compare with the original',
  'off-calibration': 'compare away from the calibration',
  point: 'measure the operating point',
} as const;

/** Stages that there are several of. */
const REPEATED = {
  'observe-shard': 'observe a share of the calibration images',
  round: 'round the 4-bit weights',
  candidate: 'try schedules and cache corrections',
  smoothing: 'fit the smoothing of predictions',
  outputs: 'fit the quantization correction',
} as const;

/** A stage of an optimization. */
export type Stage =
  | { readonly kind: keyof typeof ONCE }
  | { readonly kind: keyof typeof ONCE_A_VARIANT; readonly changes: ModelChanges }
  /** Layers are rounded in as many parts as memory asks for; counted from 0. */
  | { readonly kind: 'round'; readonly part: number }
  /** A share of the calibration images, for a run that goes on from all of them; counted from 1. */
  | ({ readonly kind: 'observe-shard' } & Shard)
  | ({ readonly kind: 'candidate' | 'smoothing' | 'outputs' } & CandidateKey)
  /** Of a comparison of your own; `name` is both id and label. */
  | { readonly kind: 'experiment'; readonly name: string };

/** A stage as observers get it. */
export type NamedStage = Stage & {
  /** Unlike that of any other stage of the optimization; names its file in the work folder. */
  readonly id: string;
  /** For people: what the stage does, in the imperative. */
  readonly label: string;
};

export function namedStage(stage: Stage): NamedStage {
  return { ...stage, id: stageId(stage), label: stageLabel(stage) };
}

/** The part of an id or of a file's name that tells a variant from others; empty without changes. */
function variantPrefix(changes: ModelChanges): string {
  return changes.map((change) => `${changeName(change)}-`).join('');
}

/** In names of files. */
export function changeName(change: ModelChange): string {
  if (change === 'float') return change;
  return 'named' in change ? change.named : `i${change.interval}`;
}

/** Tells a candidate's files and stages apart from those of others. */
export function candidateName({ changes, schedule, correction, guidance }: CandidateKey): string {
  return `${variantPrefix(changes)}${schedule}-${correction}${guidance === 'forecast' ? '-guidance' : ''}`;
}

/** Of one without a cache. */
export function uncachedName(changes: ModelChanges): string {
  return candidateName({ changes, schedule: 'uniform', correction: 'none', guidance: 'computed' });
}

/** What stages of a kind do, for people. */
export function describeKind(kind: Exclude<Stage['kind'], 'experiment'>): string {
  return { ...ONCE, ...ONCE_A_VARIANT, ...REPEATED }[kind];
}

function stageId(stage: Stage): string {
  switch (stage.kind) {
    case 'round':
      return `round-${stage.part}`;
    case 'observe-shard':
      return `observe-shard-${stage.index}-of-${stage.count}`;
    case 'without-cache':
      return `candidate-${uncachedName(stage.changes)}`;
    case 'candidate':
      return `candidate-${candidateName(stage)}`;
    case 'smoothing':
      return `smooth-${candidateName(stage)}`;
    case 'outputs':
      return `outputs-${candidateName(stage)}`;
    case 'experiment':
      return stage.name;
    default:
      return 'changes' in stage ? `${variantPrefix(stage.changes)}${stage.kind}` : stage.kind;
  }
}

function stageLabel(stage: Stage): string {
  const where = 'changes' in stage ? describeChanges(stage.changes) : '';
  switch (stage.kind) {
    case 'round':
      return `${REPEATED.round}, part ${stage.part + 1}`;
    case 'observe-shard':
      return `${ONCE.observe}, shard ${stage.index} of ${stage.count}`;
    case 'candidate':
      return `try the ${stage.schedule} schedule with ${correctionOf(stage)}${where}`;
    case 'experiment':
      return stage.name;
    default:
      return `${describeKind(stage.kind)}${where}`;
  }
}

function correctionOf({ correction, guidance }: CandidateKey): string {
  const cache = `the cache correction "${correction}"`;
  return guidance === 'forecast' ? `${cache} and the guidance forecast` : cache;
}

function describeChanges(changes: ModelChanges): string {
  const words = changes.map((change) => {
    if (change === 'float') return 'in float';
    if ('named' in change) return change.named;
    return change.interval === 1 ? 'without a cache' : `at interval ${change.interval}`;
  });
  return words.length > 0 ? ` (${words.join(', ')})` : '';
}
