import { finish, type InPieces } from '@cachequant/tensor';
import type { OnnxModel } from '../model.js';
import type { CutCandidate } from './candidate.js';
import { findJointDeltaCuts } from './joint-delta.js';
import { findJointStream } from './joint-stream.js';
import { findResidualDeltaCuts } from './residual-delta.js';
import { findResidualStreams } from './residual-stream.js';
import { startSearch } from './search.js';
import { findUpConcatCuts } from './up-concat.js';

/** The sizes for which {@link findCuts} counts the arithmetic. */
export interface FindCutsOptions {
  /** Fixed shapes for the graph inputs, as `inferShapes` takes them; shares are those at this size. */
  readonly inputDims: Readonly<Record<string, readonly number[]>>;
}

/**
 * Places where a denoiser can be split into a full and a cached graph, the best first.
 *
 * Found from the topology, never from names. A graph with up-path concatenations is a U-Net and is cut at those;
 * any other is cut along its residual stream, or along two that read each other. Empty when there is none.
 * @throws CacheQuantError as `inferShapes` does
 */
export function findCuts(model: OnnxModel, options: FindCutsOptions): CutCandidate[] {
  return finish(findCutsInPieces(model, options));
}

/** `findCuts` of a graph with many thousand nodes, which takes seconds: in pieces of some milliseconds. */
export function* findCutsInPieces(
  model: OnnxModel,
  { inputDims }: FindCutsOptions,
): InPieces<CutCandidate[]> {
  const search = yield* startSearch(model, inputDims);
  const concats = yield* findUpConcatCuts(search);
  if (concats.length > 0) return concats;
  const streams = findResidualStreams(search);
  const joint = findJointStream(search, streams);
  const cuts = joint ? yield* findJointDeltaCuts(search, joint) : [];
  return cuts.length > 0 ? cuts : yield* findResidualDeltaCuts(search, streams);
}
