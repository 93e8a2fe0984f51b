import type { AblationModel } from './ablation-model.js';
import { emojiSd } from './emoji-sd.js';
import { fashionDdpm } from './fashion-ddpm.js';
import { fashionDit } from './fashion-dit.js';
import { fashionLdm } from './fashion-ldm.js';
import { fashionSd } from './fashion-sd.js';

export const ablationModels: readonly AblationModel[] = [
  fashionSd,
  emojiSd,
  fashionDit,
  fashionLdm,
  fashionDdpm,
];

/** @throws Error for a name that is none of theirs */
export function ablationModel(name: string): AblationModel {
  const found = ablationModels.find((model) => model.name === name);
  if (found) return found;
  throw new Error(`--model ${name}: choose one of ${ablationModels.map((model) => model.name).join(', ')}`);
}

/** The name of its table in results/, or of that of its levers of speed, without an ending. */
export function ablationFile(name: string, levers = false): string {
  return `${name === 'fashion-sd' ? 'ablation' : `ablation-${name}`}${levers ? '-levers' : ''}`;
}
