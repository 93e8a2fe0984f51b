import { CacheQuantError } from '@cachequant/tensor';
import type { OnnxModel } from '../model.js';
import { functionKey, recursiveFunctions } from './functions.js';
import { findProducers } from './graph-index.js';
import { subgraphsOf, visitGraphs } from './subgraph.js';

/**
 * Checks what every edit relies on: each tensor has one origin, functions have different names and none calls itself.
 * @throws CacheQuantError `onnx-format`
 */
export function checkModel(model: OnnxModel, name: string): void {
  visitGraphs(model.graph, findProducers);
  const keys = new Set<string>();
  for (const entry of model.functions) {
    const key = functionKey(entry);
    if (keys.has(key)) fail(name, `the function ${describe(entry)} comes twice`);
    keys.add(key);
    for (const node of entry.nodes) for (const graph of subgraphsOf(node)) visitGraphs(graph, findProducers);
  }
  const recursive = recursiveFunctions(model.functions);
  if (recursive.length > 0)
    fail(name, 'functions call themselves', recursive.slice(0, 8).map(describe).join(', '));
}

function describe({ domain, name }: { domain: string; name: string }): string {
  return domain === '' ? `'${name}'` : `'${domain}.${name}'`;
}

function fail(name: string, summary: string, got?: string): never {
  throw new CacheQuantError('onnx-format', summary, { where: name, ...(got === undefined ? {} : { got }) });
}
