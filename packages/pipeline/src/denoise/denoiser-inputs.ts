import { CacheQuantError, type TensorInfo } from '@cachequant/tensor';
import { FURTHER_CHANNELS } from './further-channels.js';

/** Where a denoiser's graph takes each of its inputs. */
export interface DenoiserInputs {
  readonly sample: string;
  /** Left out for a graph that does not look at the time. */
  readonly timestep?: string;
  /** Inputs that come with the request: `encoder_hidden_states`, `text_embeds`, `time_ids`, `class_labels`, … */
  readonly conditioning: readonly string[];
  /** Takes what a model for inpainting is given, where that is apart from the sample; see `FURTHER_CHANNELS`. */
  readonly further?: string;
  /** Takes the index of the network call, where the graph has per-call tables. */
  readonly callIndex?: string;
}

export const SAMPLE_NAMES: readonly string[] = ['sample', 'hidden_states', 'latent_sample', 'x'];
export const TIMESTEP_NAMES: readonly string[] = ['timestep', 'timesteps', 't'];
const CALL_INDEX = 'call_index';

/** What an input is taken for by its name alone. */
export function usualRole(name: string): 'sample' | 'time' | undefined {
  if (SAMPLE_NAMES.includes(name)) return 'sample';
  return TIMESTEP_NAMES.includes(name) ? 'time' : undefined;
}

/**
 * Recognises a denoiser's inputs by the names that exporters give them.
 * @param reserved names that the caller feeds itself, such as cached features
 * @throws CacheQuantError `unsupported` when no input looks like the noisy sample
 */
export function findDenoiserInputs(
  inputs: readonly TensorInfo[],
  reserved: readonly string[] = [],
): DenoiserInputs {
  const names = inputs.map(({ name }) => name).filter((name) => !reserved.includes(name));
  const sample = SAMPLE_NAMES.find((name) => names.includes(name));
  if (sample === undefined) {
    throw new CacheQuantError('unsupported', 'no input looks like the noisy sample', {
      where: 'denoiser',
      expected: `one of ${SAMPLE_NAMES.join(', ')}`,
      got: names.join(', ') || 'no inputs',
    });
  }
  const timestep = TIMESTEP_NAMES.find((name) => names.includes(name));
  const callIndex = names.find((name) => name === CALL_INDEX);
  const further = names.find((name) => name === FURTHER_CHANNELS);
  const taken = [sample, timestep, callIndex, further];
  return {
    sample,
    ...(timestep !== undefined && { timestep }),
    conditioning: names.filter((name) => !taken.includes(name)),
    ...(callIndex !== undefined && { callIndex }),
    ...(further !== undefined && { further }),
  };
}
