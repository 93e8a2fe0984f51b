import { type Tensor, tensor } from '@cachequant/tensor';
import { PACKED_SIDE } from '../../denoise/packed-latents.js';
import { vaeFactor } from '../../images/vae-factor.js';
import type {
  ConditioningEncoder,
  ConditioningFamily,
  ConditioningRequest,
  OpenConditioningContext,
} from '../conditioning-encoder.js';
import type { PromptEncoder } from '../prompt-encoder.js';
import { takesInputs } from '../takes-inputs.js';
import { openAll, openTextEncoder, refusePromptOptions, warnOfDropped } from '../text-encoder-part.js';

const INPUTS = ['encoder_hidden_states', 'pooled_projections', 'txt_ids', 'img_ids'];
const GUIDANCE = 'guidance';
const GUIDANCE_SCALE = 3.5;

const FIRST = { encoder: 'text_encoder', tokenizer: 'tokenizer' };
const SECOND = {
  encoder: 'text_encoder_2',
  tokenizer: 'tokenizer_2',
  length: 512,
  padding: 'attended',
} as const;

const FLUX = {
  takesText: true,
  guided: false,
  sampleSize: 128,
  sampling: { evenSigmas: true, timestepScale: 1 / 1000 },
  open: openFlux,
} as const;

/**
 * FLUX.1 dev: the hidden states of T5, the pooled vector of CLIP, where each token is, and the guidance scale, with which
 * the model was distilled. There is no unconditional half and no negative prompt.
 *
 * Source: Black Forest Labs, https://github.com/black-forest-labs/flux, as diffusers' FluxPipeline does it. Differs:
 * there is no true guidance beside the distilled one.
 */
export const fluxFamily: ConditioningFamily = {
  ...FLUX,
  name: 'FLUX.1 dev',
  embedsGuidance: true,
  defaults: { steps: 28, guidanceScale: GUIDANCE_SCALE },
  accepts: (model) => takesInputs(model, [...INPUTS, GUIDANCE]),
};

/** FLUX.1 schnell: the same without guidance, distilled to few steps. */
export const fluxSchnellFamily: ConditioningFamily = {
  ...FLUX,
  name: 'FLUX.1 schnell',
  defaults: { steps: 4 },
  accepts: (model) => takesInputs(model, INPUTS),
};

async function openFlux({
  folder,
  inputs,
  load,
  prompts = {},
}: OpenConditioningContext): Promise<ConditioningEncoder> {
  refusePromptOptions(prompts, 'FLUX.1', 'skips none');
  const pooledOutput = () => ({ hiddenStates: 'last_hidden_state', pooled: 'pooler_output' });
  const [first, second] = await openAll<[PromptEncoder, PromptEncoder]>(
    () => openTextEncoder(folder, load, FIRST, pooledOutput, { prompts }),
    () => openTextEncoder(folder, load, SECOND, undefined, { prompts }),
  );
  const factor = folder.vaeDecoder ? vaeFactor(folder.vaeDecoder.config) : 1;
  const isGuided = inputs.some(({ name }) => name === GUIDANCE);
  return {
    async encode(request, _, { warn, signal } = {}) {
      const text = request.prompt ?? '';
      const { pooled } = await first.encode(text, signal);
      const { hiddenStates, droppedWords } = await second.encode(text, signal);
      warnOfDropped(droppedWords, warn);
      const { guidanceScale = GUIDANCE_SCALE } = request;
      return {
        encoder_hidden_states: hiddenStates,
        pooled_projections: pooled!,
        txt_ids: tensor('float32', [1, hiddenStates.dims[1]!, AXES]),
        img_ids: imagePlaces(request, factor * PACKED_SIDE),
        ...(isGuided && { [GUIDANCE]: tensor('float32', [1], Float32Array.of(guidanceScale)) }),
      };
    },
    async dispose() {
      await Promise.all([first.dispose(), second.dispose()]);
    },
  };
}

/** Of a token's place: nothing for pictures, its row, its column. */
const AXES = 3;

/** [1, L, 3]. @param pixels of a token's side */
function imagePlaces({ width, height }: ConditioningRequest, pixels: number): Tensor<'float32'> {
  const [rows, columns] = [height / pixels, width / pixels];
  const places = tensor('float32', [1, rows * columns, AXES]);
  for (let token = 0; token < rows * columns; token++) {
    places.data[token * AXES + 1] = Math.floor(token / columns);
    places.data[token * AXES + 2] = token % columns;
  }
  return places;
}
