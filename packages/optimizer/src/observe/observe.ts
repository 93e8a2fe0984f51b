import type { Feeds, Session, Tensor } from '@cachequant/tensor';
import { type CalibrationContext, callFeeds, readOutputs, withGraphs } from '../calibration-context.js';
import type { ReplayedCall } from './trajectory.js';

/** What is watched of a graph, call by call, and what comes of it. */
export interface Observer<C, T> {
  /** The graph's outputs that are read, all float32. */
  readonly outputs: readonly string[];
  readonly feeds: (session: Session, call: C) => Feeds | Promise<Feeds>;
  /** Takes in the outputs of one call; the next one waits for it. */
  readonly record: (results: Readonly<Record<string, Tensor<'float32'>>>, call: C) => void | Promise<void>;
  readonly result: () => T;
}

/** Runs a graph of the work folder over calls, one after another, and frees it in any case. */
export function observe<C, T>(
  context: CalibrationContext,
  graph: string,
  calls: Iterable<C> | AsyncIterable<C>,
  { outputs, feeds, record, result }: Observer<C, T>,
): Promise<T> {
  return withGraphs(context, { graph }, async ({ graph: session }) => {
    for await (const call of calls) {
      await record(await readOutputs(context, session, await feeds(session, call), outputs), call);
    }
    return result();
  });
}

/**
 * Feeds of a denoiser's graph at calls of the float model.
 * @param more what the graph takes beyond the call itself
 */
export function replayedFeeds(
  more: (replayed: ReplayedCall) => Promise<Readonly<Record<string, Tensor>>> = async () => ({}),
): Observer<ReplayedCall, unknown>['feeds'] {
  return async (session, replayed) => callFeeds(session, replayed.call, await more(replayed));
}
