import { readModel } from '@cachequant/onnx';
import { loadGraph } from '@cachequant/pipeline';
import { isBuiltGraph } from '@cachequant/pipeline/internals';
import { readTensor, type Session, type Storage, type Tensor } from '@cachequant/tensor';
import type { CalibrationContext } from '../calibration-context.js';
import { weightBytes } from '../weight-bytes.js';
import type { ComponentAttempt, ComponentForm } from './component.js';

/** Small parts run more often, since on a busy machine few of their short runs are undisturbed. */
const LEAST_ROUNDS = 5;
const MOST_ROUNDS = 50;
const ROUNDS_MS = 500;

type Quality = (truth: readonly Tensor[], given: readonly Tensor[]) => number;

/** What is compared: a graph of the source and one of the work folder, on the same inputs. */
export interface ComponentComparison {
  readonly form: ComponentForm;
  readonly source: { readonly storage: Storage; readonly path: string };
  readonly made: string;
  readonly inputs: readonly Readonly<Record<string, Tensor>>[];
  readonly output: string;
  readonly quality: Quality;
}

/** Runs both graphs in turn, so that a machine whose speed drifts slows both. */
export async function measureComponent(
  context: CalibrationContext,
  { form, source, made, inputs, output, quality }: ComponentComparison,
): Promise<ComponentAttempt> {
  const original = await loadGraph(context.runtime, source.storage, source.path);
  try {
    const session = await loadGraph(context.runtime, context.work, made);
    try {
      const truth: Tensor[] = [];
      const given: Tensor[] = [];
      for (const feeds of inputs) {
        truth.push(await run(original, feeds, output));
        given.push(await run(session, feeds, output));
      }
      const times = { original: [] as number[], session: [] as number[] };
      const start = performance.now();
      const enough = (round: number) => round >= LEAST_ROUNDS && performance.now() - start > ROUNDS_MS;
      for (let round = 0; round < MOST_ROUNDS && !enough(round); round++) {
        times.original.push(await timed(() => run(original, inputs[0]!, output)));
        times.session.push(await timed(() => run(session, inputs[0]!, output)));
      }
      return {
        form,
        bytes: await bytesOf(context.work, made),
        ms: Math.min(...times.session),
        sourceMs: Math.min(...times.original),
        quality: quality(truth, given),
      };
    } finally {
      await session.dispose();
    }
  } finally {
    await original.dispose();
  }
}

async function run(
  session: Session,
  feeds: Readonly<Record<string, Tensor>>,
  output: string,
): Promise<Tensor> {
  return readTensor((await session.run(feeds, { outputs: [output] }))[output]!);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Bytes of a graph and of everything beside it but texts. */
export async function bytesOf(storage: Storage, path: string): Promise<number> {
  // The file of a checkpoint may hold other parts as well.
  if (isBuiltGraph(storage, path)) return weightBytes(await readModel(storage, path));
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  let total = 0;
  for (const file of await storage.list(folder)) {
    if (!file.endsWith('.json')) total += (await storage.stat(file))?.size ?? 0;
  }
  return total;
}

/** Signal to noise over all values, in decibels. */
export function signalToNoise(truth: readonly Tensor[], given: readonly Tensor[]): number {
  let signal = 0;
  let noise = 0;
  for (const [i, tensor] of truth.entries()) {
    const other = given[i]!.data as Float32Array;
    for (const [k, value] of (tensor.data as Float32Array).entries()) {
      signal += value ** 2;
      noise += (value - other[k]!) ** 2;
    }
  }
  return 10 * Math.log10(signal / noise);
}
