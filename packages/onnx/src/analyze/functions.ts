import type { OnnxFunction, OnnxModel, OnnxNode } from '../model.js';
import { overloadOf } from '../read/unknown-fields.js';
import { subgraphsOf } from './subgraph.js';

/** By what a node finds the function that it calls. */
export function functionKey({
  domain,
  name,
  overload,
}: Pick<OnnxFunction, 'domain' | 'name' | 'overload'>): string {
  return JSON.stringify([domain, name, overload]);
}

/** Keys of the functions that nodes would call if there are such functions; subgraphs count. */
function calledKeys(nodes: readonly OnnxNode[]): Set<string> {
  const keys = new Set<string>();
  for (const node of nodes) {
    keys.add(functionKey({ domain: node.domain, name: node.opType, overload: overloadOf(node) }));
    for (const graph of subgraphsOf(node)) for (const key of calledKeys(graph.nodes)) keys.add(key);
  }
  return keys;
}

/** The functions of a model that nodes call, also through other functions. */
export function usedFunctions(model: OnnxModel, nodes: readonly OnnxNode[]): OnnxFunction[] {
  const byKey = new Map(model.functions.map((entry) => [functionKey(entry), entry]));
  const used = new Set<OnnxFunction>();
  const open = [...calledKeys(nodes)];
  while (open.length > 0) {
    const entry = byKey.get(open.pop()!);
    if (entry === undefined || used.has(entry)) continue;
    used.add(entry);
    open.push(...calledKeys(entry.nodes));
  }
  return model.functions.filter((entry) => used.has(entry));
}

/** Functions that call themselves, directly or through others, or that call such a function. */
export function recursiveFunctions(functions: readonly OnnxFunction[]): OnnxFunction[] {
  const keys = new Set(functions.map(functionKey));
  const callersOf = new Map<string, OnnxFunction[]>();
  const openCalls = new Map<OnnxFunction, number>();
  for (const entry of functions) {
    const called = [...calledKeys(entry.nodes)].filter((key) => keys.has(key));
    openCalls.set(entry, called.length);
    for (const key of called) callersOf.set(key, [...(callersOf.get(key) ?? []), entry]);
  }
  const settled = functions.filter((entry) => openCalls.get(entry) === 0);
  for (const entry of settled) {
    for (const caller of callersOf.get(functionKey(entry)) ?? []) {
      const left = openCalls.get(caller)! - 1;
      openCalls.set(caller, left);
      if (left === 0) settled.push(caller);
    }
  }
  return functions.filter((entry) => openCalls.get(entry)! > 0);
}
