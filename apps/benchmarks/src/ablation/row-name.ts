import type { AblationRow } from './results.js';

const SAMPLERS: Readonly<Record<AblationRow['sampler'], string>> = {
  plms: 'PLMS',
  ddim: 'DDIM',
  'dpm-solver++': 'DPM-Solver++',
  lcm: 'LCM',
};

/** "50 PLMS steps": the sampler as its paper writes it. */
export function stepsName({ sampler, steps }: Pick<AblationRow, 'sampler' | 'steps'>): string {
  return `${steps} ${SAMPLERS[sampler]} steps`;
}

/** Sampler, steps, and how many calls there are for each refresh of a cache. */
export function callsName(row: Pick<AblationRow, 'sampler' | 'steps' | 'interval'>): string {
  return `${stepsName(row)}${row.interval > 1 ? ` at interval ${row.interval}` : ''}`;
}

/** A row in words: also whether it computes in integers, and which cache it has. */
export function rowName(row: AblationRow): string {
  return `${callsName(row)}${kindOf(row)}`;
}

function kindOf({ curve, bits }: AblationRow): string {
  if (curve === 'cachequant') return '';
  if (curve === 'paper') return " by the paper's recipe";
  const numbers = bits === 'float' ? 'in float' : 'in integers';
  if (curve.startsWith('uniform cache')) return `, refreshed evenly, ${numbers}`;
  if (curve.startsWith('DP cache')) return `, refreshes planned, ${numbers}`;
  return ` ${numbers}`;
}
