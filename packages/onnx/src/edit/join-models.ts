import { CacheQuantError } from '@cachequant/tensor';
import { definedNames, visitGraphs } from '../analyze/subgraph.js';
import type { OnnxGraph, OnnxModel } from '../model.js';
import { sparseInitializerNames } from '../read/unknown-fields.js';
import { cloneModel } from './clone-model.js';
import { liftOpset } from './lift-opset.js';

/** How one model goes in front of another. */
export interface JoinOptions {
  /** Put before the names of the first model, but for inputs that it keeps. */
  readonly prefix: string;
  /** By inputs of the second model: the outputs of the first that take their places. */
  readonly feeds: ReadonlyMap<string, string>;
  /** By inputs of the first model: the inputs of the second that they take; others become inputs of the whole. */
  readonly shared: ReadonlyMap<string, string>;
}

/**
 * Makes one model of two, of which the first computes what the second takes. Its outputs are those of the second; inputs
 * that only the first has come last. Weights are shared, everything else is copied. Models of different opsets are both
 * lifted to 21.
 * @throws CacheQuantError `invalid-argument` for names that the models do not have, or that both have as inputs,
 * `unsupported` for opsets that cannot be made equal and functions of the same name
 */
export function joinModels(first: OnnxModel, second: OnnxModel, options: JoinOptions): OnnxModel {
  const [before, after] = [cloneModel(first), cloneModel(second)];
  checkJoin(before.graph, after.graph, options);
  const opsetImports = agreedOpsets(before, after);
  const own = before.graph.inputs.filter(({ name }) => !options.shared.has(name));
  const kept = new Map([...options.shared, ...own.map(({ name }) => [name, name] as const)]);
  const taken = definedNames(after.graph);
  const renamed = (name: string) => (name === '' ? '' : (kept.get(name) ?? `${options.prefix}${name}`));
  renameAll(before.graph, renamed);
  prefixNodes(before.graph, options.prefix);
  refuseClash(before.graph, taken, new Set(options.shared.values()));
  const fed = new Map([...options.feeds].map(([input, output]) => [input, renamed(output)]));
  renameAll(after.graph, (name) => fed.get(name) ?? name);
  const { graph } = after;
  return {
    ...after,
    irVersion: Math.max(before.irVersion, after.irVersion),
    opsetImports,
    functions: joinFunctions(before, after),
    graph: {
      ...graph,
      nodes: [...before.graph.nodes, ...graph.nodes],
      inputs: [...graph.inputs.filter(({ name }) => !isFed(name, fed)), ...own],
      initializers: new Map([...before.graph.initializers, ...graph.initializers]),
      valueInfo: new Map([...before.graph.valueInfo, ...graph.valueInfo]),
    },
  };
}

/** After renaming, an input that is fed has the name of what feeds it. */
function isFed(name: string, fed: ReadonlyMap<string, string>): boolean {
  return [...fed.values()].includes(name);
}

function renameAll(graph: OnnxGraph, renamed: (name: string) => string): void {
  visitGraphs(graph, (inner) => {
    for (const node of inner.nodes) {
      node.inputs = node.inputs.map(renamed);
      node.outputs = node.outputs.map(renamed);
    }
    for (const info of [...inner.inputs, ...inner.outputs]) info.name = renamed(info.name);
    inner.initializers = renamedKeys(inner.initializers, renamed);
    inner.valueInfo = renamedKeys(inner.valueInfo, renamed);
  });
}

function prefixNodes(graph: OnnxGraph, prefix: string): void {
  visitGraphs(graph, ({ nodes }) => {
    for (const node of nodes) if (node.name !== '') node.name = `${prefix}${node.name}`;
  });
}

function renamedKeys<V extends { name: string }>(
  map: ReadonlyMap<string, V>,
  renamed: (name: string) => string,
): Map<string, V> {
  return new Map([...map].map(([name, value]) => [renamed(name), { ...value, name: renamed(name) }]));
}

function checkJoin(before: OnnxGraph, after: OnnxGraph, { feeds, shared }: JoinOptions): void {
  const names = (infos: readonly { readonly name: string }[]) => new Set(infos.map(({ name }) => name));
  const [inputs, outputs, taken] = [names(before.inputs), names(before.outputs), names(after.inputs)];
  const missing =
    [...feeds.keys(), ...shared.values()].find((name) => !taken.has(name)) ??
    [...feeds.values()].find((name) => !outputs.has(name)) ??
    [...shared.keys()].find((name) => !inputs.has(name));
  if (missing !== undefined) {
    throw new CacheQuantError('invalid-argument', `a model has no input or output '${missing}'`, {
      where: 'joinModels',
    });
  }
  if (sparseInitializerNames(before).length === 0) return;
  throw new CacheQuantError('unsupported', 'sparse weights cannot be renamed', {
    where: `graph '${before.name}'`,
  });
}

function refuseClash(before: OnnxGraph, taken: ReadonlySet<string>, shared: ReadonlySet<string>): void {
  const clash = [...definedNames(before)].find((name) => taken.has(name) && !shared.has(name));
  if (clash === undefined) return;
  throw new CacheQuantError('invalid-argument', `both models have a tensor '${clash}'`, {
    where: 'joinModels',
    hint: 'Take another prefix',
  });
}

function agreedOpsets(before: OnnxModel, after: OnnxModel): Map<string, number> {
  if (before.opsetImports.get('') !== after.opsetImports.get('')) {
    liftOpset(before);
    liftOpset(after);
  }
  for (const [domain, version] of before.opsetImports) {
    const other = after.opsetImports.get(domain) ?? version;
    if (other === version) continue;
    throw new CacheQuantError('unsupported', 'the models are written in different operator sets', {
      where: domain || 'ai.onnx',
      expected: String(other),
      got: String(version),
      hint: 'Export both with the same opset.',
    });
  }
  return new Map([...before.opsetImports, ...after.opsetImports]);
}

function joinFunctions(before: OnnxModel, after: OnnxModel): OnnxModel['functions'] {
  const idOf = ({ domain, name, overload }: OnnxModel['functions'][number]) =>
    `${domain}:${name}:${overload}`;
  const known = new Set(after.functions.map(idOf));
  const clash = before.functions.find((each) => known.has(idOf(each)));
  if (clash === undefined) return [...before.functions, ...after.functions];
  throw new CacheQuantError('unsupported', `both models have a function '${clash.name}'`, {
    where: 'joinModels',
    hint: 'Export them without functions.',
  });
}
