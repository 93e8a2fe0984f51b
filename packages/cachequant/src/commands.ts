import type { AddCommand } from './command-context.js';

/** A command as the list of commands shows it; all else is loaded when it is asked for. */
export interface ListedCommand {
  readonly name: string;
  /** Its arguments. */
  readonly takes: string;
  readonly summary: string;
  readonly load: () => Promise<AddCommand>;
}

/** The commands in the order of the help. */
export const COMMANDS: readonly ListedCommand[] = [
  {
    name: 'inspect',
    takes: '<model>',
    summary: 'show what is in a model, and what can be done with it',
    load: async () => (await import('./commands/inspect.js')).addInspect,
  },
  {
    name: 'optimize',
    takes: '<model>',
    summary: 'make a fast bundle of a model',
    load: async () => (await import('./commands/optimize.js')).addOptimize,
  },
  {
    name: 'generate',
    takes: '<model>',
    summary: 'make images with a model folder or a bundle',
    load: async () => (await import('./commands/generate.js')).addGenerate,
  },
  {
    name: 'serve',
    takes: '[models...]',
    summary: 'serve models over HTTP',
    load: async () => (await import('./commands/serve.js')).addServe,
  },
  {
    name: 'worker',
    takes: '<models...>',
    summary: 'generate for servers and batches on other machines',
    load: async () => (await import('./commands/worker.js')).addWorker,
  },
  {
    name: 'compare',
    takes: '<model> <bundle>',
    summary: 'generate the same seeds with a model and its bundle',
    load: async () => (await import('./commands/compare.js')).addCompare,
  },
  {
    name: 'evaluate',
    takes: '<model>',
    summary: "measure a model's or a bundle's pictures over many seeds",
    load: async () => (await import('./commands/evaluate.js')).addEvaluate,
  },
  {
    name: 'report',
    takes: '<bundle>',
    summary: "write a bundle's report again",
    load: async () => (await import('./commands/report.js')).addReport,
  },
  {
    name: 'cut',
    takes: '<model.onnx>',
    summary: 'split a denoiser into a full and a cached graph, in float',
    load: async () => (await import('./commands/cut.js')).addCut,
  },
  {
    name: 'schedule',
    takes: '<features.json>',
    summary: 'choose the calls at which a cache is refreshed',
    load: async () => (await import('./commands/schedule.js')).addSchedule,
  },
];
