import { CacheQuantError, type Runtime, type Session } from '@cachequant/tensor';
import { placedConditioning } from '../conditioning/placed-conditioning.js';
import { readFloat32 } from '../model/convert-tensor.js';
import type { LocateLayer } from '../model/non-finite.js';
import type { Denoiser, DenoiserCall } from './denoiser.js';
import { declared, placedFeeds } from './denoiser-feeds.js';
import { type DenoiserInputs, findDenoiserInputs } from './denoiser-inputs.js';
import { unpackedPrediction } from './packed-latents.js';

/**
 * A denoiser that runs one graph at every call. It owns the session.
 * @param inputs left out: recognised by their names
 * @param runtime keeps the conditioning of an image where the session computes
 * @param locate finds layers of the session's graph, for errors
 * @throws CacheQuantError `unsupported` when the inputs are not those of a denoiser
 */
export function floatDenoiser(
  session: Session,
  inputs: DenoiserInputs = findDenoiserInputs(session.inputs),
  runtime?: Pick<Runtime, 'place'>,
  locate?: LocateLayer,
): Denoiser {
  const conditioning = placedConditioning(runtime);
  const output = firstOutput(session);
  let calls = 0;
  return {
    sampleInput: declared(session, inputs.sample),
    conditioningInputs: inputs.conditioning.map((name) => declared(session, name)),
    ...(inputs.further && { furtherInput: declared(session, inputs.further) }),
    get stats() {
      return { fullCalls: calls, cachedCalls: 0 };
    },
    kindOf: () => 'float',
    async predict(call, { signal } = {}) {
      const feeds = await placedFeeds(session, inputs, call, conditioning.feed);
      const outputs = await session.run(feeds, { outputs: [output], ...(signal && { signal }) });
      calls += 1;
      return unpackedPrediction(await readFloat32(outputs[output]!), call.sample.dims);
    },
    ...(locate && {
      locateNonFinite: async (call: DenoiserCall, options?: { readonly signal?: AbortSignal }) =>
        locate(await placedFeeds(session, inputs, call, conditioning.feed), options),
    }),
    reset: () => conditioning.clear(),
    dispose() {
      conditioning.clear();
      return session.dispose();
    },
  };
}

/** The network's prediction: the first output that is none of those named. */
export function firstOutput(session: Session, others: readonly string[] = []): string {
  const output = session.outputs.find(({ name }) => !others.includes(name));
  if (output !== undefined) return output.name;
  throw new CacheQuantError('unsupported', 'the graph has no output for the prediction', {
    where: 'denoiser',
  });
}
