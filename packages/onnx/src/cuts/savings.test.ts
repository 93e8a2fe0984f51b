import { finish, tensor } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { buildModel } from '../__fixtures__/build-model.js';
import { uniform } from '../__fixtures__/reference.js';
import type { OnnxModel, OnnxNode } from '../model.js';
import { makeNode } from '../node.js';
import { PostDominators } from './post-dominators.js';
import { findResidualDeltaCuts } from './residual-delta.js';
import { RangeShares, TensorShares } from './savings.js';
import { type CutSearch, startSearch } from './search.js';

/** What is left when `cut` comes from `sources`: a walk through the whole graph for each question. */
function shareByWalking(search: CutSearch, cut: string, sources: readonly string[]): number | undefined {
  const { dependencies, arithmetic, model } = search;
  const seen = new Set<OnnxNode>();
  const pending = model.graph.outputs.map(({ name }) => name);
  let reached = false;
  let left = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === cut) {
      if (!reached) pending.push(...sources);
      reached = true;
      continue;
    }
    const node = dependencies.producers.get(name);
    if (node === undefined || seen.has(node)) continue;
    seen.add(node);
    left += arithmetic.byNode.get(node)?.macs ?? 0;
    pending.push(...dependencies.reads(node));
  }
  return reached ? left / arithmetic.total : undefined;
}

/** A chain of tensors t0, t1, … with products, splits and shortcuts between them at random. */
function tangledChain(length: number, random: () => number): { model: OnnxModel; chain: string[] } {
  const pick = (count: number): number => Math.floor(((random() + 1) / 2) * count);
  const nodes: OnnxNode[] = [makeNode('MatMul', ['x', 'w'], ['t0'])];
  const tensors = ['x', 't0'];
  const chain = ['t0'];
  for (let at = 1; at < length; at++) {
    const from = [chain.at(-1)!, tensors[pick(tensors.length)]!];
    nodes.push(makeNode('MatMul', [from[pick(2)]!, 'w'], [`m${at}`]));
    nodes.push(makeNode('Split', [`m${at}`], [`a${at}`, `b${at}`], { axis: 0, num_outputs: 2 }));
    nodes.push(makeNode('Concat', [`a${at}`, `b${at}`], [`c${at}`], { axis: 0 }));
    tensors.push(`m${at}`, `c${at}`, `t${at}`);
    nodes.push(makeNode('Add', [chain.at(-1)!, pick(2) === 0 ? `c${at}` : `m${at}`], [`t${at}`]));
    chain.push(`t${at}`);
  }
  const outputs = [chain.at(-1)!, ...(pick(3) === 0 ? [tensors[1 + pick(tensors.length - 1)]!] : [])];
  const model = buildModel(nodes, {
    inputs: { x: ['float32', [2, 4]] },
    constants: { w: tensor('float32', [4, 4]) },
    outputs: [...new Set(outputs)],
  });
  return { model, chain };
}

describe('shares by post-dominators', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('are those of a walk through the whole graph, for graph %i', (seed) => {
    const { model, chain } = tangledChain(12, uniform(seed));
    const search = finish(startSearch(model, {}));
    const tree = new PostDominators(model.graph, search.dependencies);
    const tensors = new TensorShares(search, tree);
    const ranges = new RangeShares(search, tree, chain);
    const outputs = new Set(model.graph.outputs.map(({ name }) => name));
    for (const name of model.graph.nodes.flatMap((node) => node.outputs)) {
      if (!outputs.has(name))
        expect([name, tensors.after(name)]).toEqual([name, shareByWalking(search, name, [])]);
    }
    for (let from = 0; from < chain.length; from++) {
      for (let to = from + 1; to < chain.length; to++) {
        if (outputs.has(chain[to]!)) continue;
        expect(ranges.between(from, to)).toBe(shareByWalking(search, chain[to]!, [chain[from]!]));
      }
    }
  });
});

/** A residual stream of many blocks, as generators of transformers write them. */
function residualModel(blocks: number): OnnxModel {
  const nodes = [makeNode('MatMul', ['x', 'w'], ['s0'])];
  for (let block = 0; block < blocks; block++) {
    nodes.push(makeNode('MatMul', [`s${block}`, 'w'], [`b${block}`]));
    nodes.push(makeNode('Add', [`s${block}`, `b${block}`], [`s${block + 1}`]));
  }
  nodes.push(makeNode('MatMul', [`s${blocks}`, 'w'], ['y']));
  return buildModel(nodes, {
    inputs: { x: ['float32', [1, 4, 8]] },
    constants: { w: tensor('float32', [8, 8]) },
    outputs: ['y'],
  });
}

describe('findResidualDeltaCuts', () => {
  const workFor = (blocks: number) => {
    const search = finish(startSearch(residualModel(blocks), {}));
    let reads = 0;
    const { dependencies } = search;
    const counted = {
      ...search,
      dependencies: {
        ...dependencies,
        reads: (node: OnnxNode) => {
          reads += 1;
          return dependencies.reads(node);
        },
      },
    };
    const cuts = finish(findResidualDeltaCuts(counted));
    return { cuts, work: reads + counted.steps };
  };

  test('takes twice the work for twice the blocks', () => {
    const [once, twice] = [workFor(1000), workFor(2000)];
    expect(twice.work).toBeLessThan(2.3 * once.work);
    expect(twice.work).toBeLessThan(100 * 4000);
    expect(twice.cuts).toHaveLength(32);
    expect(twice.cuts[0]).toMatchObject({ blocks: { before: 499, cached: 1002, after: 499 } });
  });

  test('can be left at every thousandth range', () => {
    const search = finish(startSearch(residualModel(300), {}));
    const computation = findResidualDeltaCuts(search);
    let pieces = 1;
    while (!computation.next().done) pieces += 1;
    expect(pieces).toBeGreaterThan(search.steps / 100_000);
    expect(pieces).toBeGreaterThan(1);
  });

  test('refuses a graph in which everything adds to everything', () => {
    // Every Add of two tensors that lie far apart is looked at for whether the one leads to the other.
    const nodes = [makeNode('MatMul', ['x', 'w'], ['s0'])];
    for (let at = 1; at < 1500; at++) {
      nodes.push(makeNode('MatMul', [`s${at - 1}`, 'w'], [`b${at}`]));
      nodes.push(makeNode('Add', [`b${at}`, at % 2 === 0 ? 's0' : `b${at}`], [`s${at}`]));
    }
    const model = buildModel(nodes, {
      inputs: { x: ['float32', [1, 4, 8]] },
      constants: { w: tensor('float32', [8, 8]) },
      outputs: ['s1499'],
    });
    expect(() => finish(findResidualDeltaCuts(finish(startSearch(model, {}))))).toThrow(/too entangled/);
  });
});
