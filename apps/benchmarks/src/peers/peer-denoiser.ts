import type { BundleManifest, Denoiser } from '@cachequant/pipeline';
import type { Tensor } from '@cachequant/tensor';
import type { PeerWorker } from './peer-worker.js';

/** A peer with a uniform cache as a denoiser, so that samplers and clocks are the same for all. */
export function peerDenoiser(
  worker: PeerWorker,
  { latentDims }: Pick<BundleManifest, 'latentDims'>,
  refreshCalls: readonly number[],
): Denoiser {
  const refreshes = new Set(refreshCalls);
  const stats = { fullCalls: 0, cachedCalls: 0 };
  let sent: Tensor | undefined;
  return {
    sampleInput: { name: 'sample', dtype: 'float32', dims: [2, ...latentDims] },
    conditioningInputs: [],
    get stats() {
      return { ...stats };
    },
    kindOf: (call) => (refreshes.has(call) ? 'full' : 'cached'),
    async predict({ call, timestep, sample, conditioning }) {
      const graph = refreshes.has(call) ? 'full' : 'cached';
      const hidden = conditioning.encoder_hidden_states as Tensor<'float32'>;
      const changed = hidden === sent ? undefined : hidden;
      const output = await worker.run({ graph, timestep, sample, hidden: changed });
      sent = hidden;
      stats[graph === 'full' ? 'fullCalls' : 'cachedCalls'] += 1;
      return output;
    },
    reset() {},
    dispose: () => worker.dispose(),
  };
}
