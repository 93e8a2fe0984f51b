/** Names of AUTOMATIC1111's samplers, and ours. */
const SAMPLERS: Readonly<Record<string, string>> = {
  Euler: 'euler',
  'Euler a': 'euler-ancestral',
  DDIM: 'ddim',
  PLMS: 'plms',
  'DPM++ 2M': 'dpm-solver++',
  'DPM++ SDE': 'dpm-solver-sde',
  Heun: 'heun',
  LMS: 'lms',
  DPM2: 'kdpm2',
  'DPM2 a': 'kdpm2-ancestral',
  UniPC: 'unipc',
  LCM: 'lcm',
};

export const SAMPLER_NAMES: readonly string[] = Object.keys(SAMPLERS);

/** @returns undefined for a name that there is none of */
export function samplerOf(name: string): string | undefined {
  return Object.entries(SAMPLERS).find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1];
}
