import { createSampler, evenFlowSigmas, type Sampler, type SamplerOptions } from '@cachequant/samplers';

/** How runs of a sampler are laid out for a model, beside what the sampler's own configuration says. */
export interface SamplerLayout {
  /** Tokens that the picture is in the network, by which some configurations shift the noise. */
  readonly imageTokens?: number | undefined;
  /** Whether runs begin from the noise levels 1, 1 − 1/n, …, 1/n, before any shift. */
  readonly evenSigmas?: boolean | undefined;
  /** What the network is told of a timestep is this times it; 1 when left out. */
  readonly timestepScale?: number | undefined;
}

/**
 * A sampler, laid out for a model.
 * @param config the content of `scheduler_config.json`
 * @throws CacheQuantError as `createSampler`
 */
export function layOutSampler(
  config: unknown,
  options: SamplerOptions,
  { imageTokens, evenSigmas = false, timestepScale = 1 }: SamplerLayout = {},
): Sampler {
  const { steps, timesteps, sigmas, sampler: name } = options;
  const isListed = timesteps !== undefined || sigmas !== undefined || steps === undefined;
  const sampler = createSampler(config, {
    ...(imageTokens !== undefined && { imageTokens }),
    ...(evenSigmas && !isListed && takesSigmas(config, name) && { sigmas: evenFlowSigmas(steps) }),
    ...options,
  });
  if (timestepScale === 1) return sampler;
  const told = sampler.timesteps.map((timestep) => Math.fround(timestep * timestepScale));
  return { ...sampler, timesteps: told };
}

/** The one sampler that the models were published with; others space the noise levels themselves. */
const TAKES_SIGMAS = ['FlowMatchEulerDiscreteScheduler', 'flow-match-euler', 'flow-euler'];

function takesSigmas(config: unknown, name: string | undefined): boolean {
  const own = (config as { readonly _class_name?: unknown } | null)?._class_name;
  return TAKES_SIGMAS.includes(String(name ?? own));
}
