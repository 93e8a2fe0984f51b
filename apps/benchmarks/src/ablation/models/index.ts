import type { AblationModel } from './ablation-model.js';
import { emojiSd } from './emoji-sd.js';
import { fashionDdpm } from './fashion-ddpm.js';
import { fashionDit } from './fashion-dit.js';
import { fashionLdm } from './fashion-ldm.js';
import { fashionSd } from './fashion-sd.js';

const ABLATION_MODELS: readonly AblationModel[] = [fashionSd, fashionDit, fashionLdm, fashionDdpm, emojiSd];

/** @throws Error for a name that is none of theirs */
export function ablationModel(name: string): AblationModel {
  const found = ABLATION_MODELS.find((model) => model.name === name);
  if (found) return found;
  throw new Error(`--model ${name}: choose one of ${ABLATION_MODELS.map((model) => model.name).join(', ')}`);
}
