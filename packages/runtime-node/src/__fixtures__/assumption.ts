import { readFileSync } from 'node:fs';
import {
  type Feeds,
  type LoadOptions,
  type ModelSource,
  type ProfiledNode,
  type Runtime,
  type Tensor,
  tensor,
} from '@cachequant/tensor';
import { type TestContext, test } from 'vitest';
import { createNodeRuntime } from '../index.js';

/**
 * A test of something that ONNX Runtime does and does not document, with a runtime of its own. The title is that
 * of a heading in docs/onnxruntime-assumptions.md, which says who relies on it.
 */
export function assumption(
  title: string,
  body: (runtime: Runtime, context: TestContext) => Promise<void>,
): void {
  test(title, async (context) => {
    const runtime = await createNodeRuntime({ threads: 2 });
    try {
      await body(runtime, context);
    } finally {
      await runtime.dispose();
    }
  });
}

export interface Ran {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly nodes: readonly ProfiledNode[];
  /** Types of the operators that ran, in order. */
  readonly kernels: readonly string[];
}

/** Loads a model, makes one call, and tells which kernels the runtime's profile saw. */
export async function runOnce(
  runtime: Runtime,
  source: ModelSource | Uint8Array,
  feeds: Feeds,
  options: LoadOptions = {},
): Promise<Ran> {
  const given = source instanceof Uint8Array ? { bytes: source } : source;
  const session = await runtime.load(given, { ...options, profiling: true });
  try {
    const outputs = (await session.run(feeds)) as Record<string, Tensor>;
    const nodes = await session.endProfiling();
    return { outputs, nodes, kernels: nodes.map(({ opType }) => opType) };
  } finally {
    await session.dispose();
  }
}

/** Integers from a fixed sequence, each in [least, most]. */
export function integers(count: number, least: number, most: number, seed = 1): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return least + Math.floor((state / 2 ** 32) * (most - least + 1));
  });
}

export const f32 = (dims: readonly number[], ...values: number[]) =>
  tensor('float32', dims, Float32Array.from(values));

/** Bytes of this process that no file backs; undefined where there is no /proc. */
export function anonymousBytes(): number | undefined {
  try {
    const line = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    return line === null ? undefined : 1024 * Number(line[1]);
  } catch {
    return undefined;
  }
}
