import type { WeightSource } from '@cachequant/checkpoint';
import type { OnnxModel } from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';
import type { Architecture, DefineGraph, GraphOptions, Part } from './architectures/architecture.js';
import { ARCHITECTURES } from './architectures/index.js';
import { Configuration } from './builder/configuration.js';
import { GraphAssembly } from './builder/graph-assembly.js';
import { Parameters, type WeightPlacement } from './builder/parameters.js';
import { Scope } from './builder/scope.js';

/** What a graph is built of: the model's configuration, and its weights. */
export interface BuildOptions extends GraphOptions {
  /** The model's `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The checkpoint; left out, the graph has no weights and shows its structure alone. */
  readonly weights?: WeightSource;
  /** Where the graph takes its weights from; `in-place` unless given. */
  readonly placement?: WeightPlacement;
  /** Where the graph's file will lie in the checkpoint's storage; its root unless given. */
  readonly folder?: string;
  /** Which part of an autoencoder; other models have one part alone. */
  readonly part?: Part;
  /** The class, where the configuration does not name it. */
  readonly className?: string;
}

/** A graph, and how it and its checkpoint fit together. */
export interface BuiltGraph {
  readonly model: OnnxModel;
  /** The shape of every parameter that the graph has, by name. */
  readonly parameters: ReadonlyMap<string, readonly number[]>;
  /** What the checkpoint has and the graph has not, such as the other part of an autoencoder. */
  readonly unused: readonly string[];
}

/**
 * Builds the ONNX graph of a model of diffusers or transformers from its configuration. Sizes of batches, images and
 * texts stay open; `freezeShapes` of `@cachequant/onnx` fixes them. No weight is read.
 * @throws CacheQuantError `unsupported` for a class, a key or a value that is not known, with its name;
 * `checkpoint-format` and `shape` for weights that do not fit
 */
export function buildGraph(options: BuildOptions): BuiltGraph {
  const className = options.className ?? classOf(options.config);
  const define = definitionOf(className, options.part);
  const { weights, placement = 'in-place', folder = '' } = options;
  const parameters = new Parameters({ weights, placement, folder });
  const assembly = new GraphAssembly(className, parameters);
  const config = new Configuration(className, options.config);
  define(new Scope(assembly), config, options);
  config.finish();
  const { declared } = parameters;
  const unused = [...(weights?.names() ?? [])].filter((name) => !declared.has(name));
  return { model: assembly.finish(), parameters: declared, unused };
}

/** The class that a `config.json` names. */
export function classOf(config: Readonly<Record<string, unknown>>): string {
  const { _class_name: name, architectures } = config;
  const named = name ?? (Array.isArray(architectures) ? architectures[0] : undefined);
  if (typeof named === 'string') return named;
  throw new CacheQuantError('unsupported', 'the configuration does not say of which class the model is', {
    expected: "a name in '_class_name' or 'architectures'",
    hint: 'Give className',
  });
}

/** Undefined for a class that graphs cannot be built of. */
export function findArchitecture(className: string): Architecture | undefined {
  return ARCHITECTURES.find((architecture) => architecture.className === className);
}

function definitionOf(className: string, part: Part = 'model'): DefineGraph {
  const parts = findArchitecture(className)?.parts;
  if (parts === undefined) {
    throw new CacheQuantError('unsupported', 'there is no such architecture', {
      where: className,
      expected: ARCHITECTURES.map((architecture) => architecture.className).join(', '),
    });
  }
  const define = parts[part];
  if (define !== undefined) return define;
  throw new CacheQuantError('invalid-argument', 'the model has no such part', {
    where: className,
    expected: Object.keys(parts).join(' or '),
    got: part,
  });
}
