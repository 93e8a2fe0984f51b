import type { GivenConditioning } from '@cachequant/optimizer';
import { TorchGenerator, tensor } from '@cachequant/tensor';

const TOKENS = 77;
const SD15_WIDTH = 768;

/**
 * Seeded numbers in place of a text encoder's hidden states.
 * @param width of each token's
 */
export function seededConditioning(width: number): Required<GivenConditioning> {
  const hiddenStates = (seed: number) => ({
    encoder_hidden_states: tensor(
      'float32',
      [1, TOKENS, width],
      new TorchGenerator(seed).randn(TOKENS * width),
    ),
  });
  return {
    fingerprint: `seeded normal numbers, ${TOKENS} tokens of ${width}`,
    forSeed: hiddenStates,
    unconditional: hiddenStates(0),
  };
}

export const SEEDED_CONDITIONING = seededConditioning(SD15_WIDTH);
