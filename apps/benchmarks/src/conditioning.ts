import type { GivenConditioning } from '@cachequant/pipeline';
import { TorchGenerator, tensor } from '@cachequant/tensor';

const TOKENS = 77;
const WIDTH = 768;

const hiddenStates = (seed: number) => ({
  encoder_hidden_states: tensor(
    'float32',
    [1, TOKENS, WIDTH],
    new TorchGenerator(seed).randn(TOKENS * WIDTH),
  ),
});

/** Seeded numbers in place of a text encoder's hidden states. */
export const SEEDED_CONDITIONING: Required<GivenConditioning> = {
  fingerprint: 'seeded normal numbers, 77 tokens of 768',
  forSeed: hiddenStates,
  unconditional: hiddenStates(0),
};
