import { z } from 'zod';
import { conflictingFields } from '../config.js';
import {
  anyOrFlow,
  finalSigmaField,
  multistepFlowFields,
  noiseFields,
  rescaleField,
  respacingFields,
  sigmaBoundField,
  solverTypeField,
  spacingField,
  thresholdFields,
} from '../config-fields.js';
import { defineSampler } from '../definition.js';
import type { Advance } from '../method.js';
import type { SamplerState } from '../sampler.js';
import { type MultistepGrid, multistepGrid } from '../schedules/multistep-grid.js';
import { cleanSample, predictedNoise } from '../solvers/prediction.js';
import { limitSample } from '../solvers/sample-limits.js';
import { unipcUpdate } from '../solvers/unipc-update.js';

const schema = z.object({
  ...noiseFields,
  ...thresholdFields,
  ...respacingFields,
  ...multistepFlowFields,
  time_shift_type: z.enum(['exponential', 'linear']).default('exponential'),
  solver_order: z.int().min(1).max(5).default(2),
  prediction_type: anyOrFlow,
  predict_x0: z.boolean().default(true),
  solver_type: solverTypeField(['bh2', 'bh1']),
  lower_order_final: z.boolean().default(true),
  disable_corrector: z.array(z.int()).default([]),
  solver_p: z.literal(null).default(null),
  timestep_spacing: spacingField.default('linspace'),
  final_sigmas_type: finalSigmaField,
  rescale_betas_zero_snr: rescaleField,
  sigma_min: sigmaBoundField,
  sigma_max: sigmaBoundField,
  shift_terminal: z.number().min(0).lt(1).nullable().default(null),
});

type UnipcConfig = z.output<typeof schema>;

/**
 * UniPC: each call's output first corrects the sample at which it was made, then predicts the next one. The order
 * rises from 1, and falls to 1 at the end.
 * Source: Zhao et al., UniPC, algorithms 1 and 2, https://arxiv.org/abs/2302.04867.
 */
export const unipc = defineSampler({
  name: 'UniPCMultistepScheduler',
  shortNames: ['unipc', 'uni-pc'],
  takes: ['timesteps', 'sigmas', 'mu'],
  schema,
  create(config, layout) {
    checkCombinations(config);
    const grid = multistepGrid(config, layout, {
      name: 'UniPCMultistepScheduler',
      end: 'last-of-run',
      flowFromOne: true,
    });
    return {
      trainSteps: config.num_train_timesteps,
      timesteps: grid.timesteps,
      sigmas: grid.sigmas,
      predictionType: config.prediction_type,
      lookback: neverCorrects(config, layout.steps) ? config.solver_order - 1 : config.solver_order,
      levelAt: (call) => grid.levels[call]!,
      advance(state, { prediction }) {
        const output = extrapolated(config, grid, state, prediction, layout.images);
        return predictAndCorrect(config, grid, state, output);
      },
    };
  },
});

function predictAndCorrect(
  config: UnipcConfig,
  { levels }: MultistepGrid,
  { call, sample, history, anchor }: SamplerState,
  output: Float32Array,
): Advance {
  const of = config.predict_x0 ? 'clean' : 'noise';
  const common = { of, solverType: config.solver_type } as const;
  const before = orderAt(config, levels.length - 1, call - 1, history.length);
  const corrects = anchor !== undefined && !config.disable_corrector.includes(call - 1);
  const corrected = corrects
    ? unipcUpdate({
        ...common,
        sample: anchor,
        outputs: history.slice(-before).reverse(),
        levels: levels.slice(call - before, call).reverse(),
        target: levels[call]!,
        arrived: output,
      })
    : sample;
  const outputs = [...history, output].slice(-config.solver_order);
  const order = orderAt(config, levels.length - 1, call, outputs.length);
  const next = unipcUpdate({
    ...common,
    sample: corrected,
    outputs: outputs.slice(-order).reverse(),
    levels: levels.slice(call + 1 - order, call + 1).reverse(),
    target: levels[call + 1]!,
  });
  return { sample: next, history: outputs, anchor: corrected };
}

function orderAt(
  { solver_order: order, lower_order_final: lowers }: UnipcConfig,
  calls: number,
  call: number,
  known: number,
) {
  return Math.min(lowers ? Math.min(order, calls - call) : order, known);
}

function neverCorrects({ disable_corrector: disabled }: UnipcConfig, steps: number): boolean {
  return Array.from({ length: steps - 1 }, (_, call) => call).every((call) => disabled.includes(call));
}

function extrapolated(
  config: UnipcConfig,
  { levels }: MultistepGrid,
  { call, sample }: SamplerState,
  prediction: Float32Array,
  images: number,
): Float32Array {
  const level = levels[call]!;
  return config.predict_x0
    ? limitSample(cleanSample(config.prediction_type, level, sample, prediction), config, images)
    : predictedNoise(config.prediction_type, level, sample, prediction);
}

function checkCombinations(config: UnipcConfig): void {
  if (config.shift_terminal !== null && !config.use_flow_sigmas) {
    throw conflictingFields(
      `shift_terminal ${config.shift_terminal} goes with use_flow_sigmas`,
      'Set use_flow_sigmas, or shift_terminal null',
    );
  }
  if (config.use_flow_sigmas && (config.use_exponential_sigmas || config.use_beta_sigmas)) {
    throw conflictingFields(
      'use_flow_sigmas goes with use_karras_sigmas alone among the spacings',
      'Set use_exponential_sigmas and use_beta_sigmas to false',
    );
  }
  if (!config.predict_x0 && (config.thresholding || config.prediction_type === 'flow_prediction')) {
    throw conflictingFields(
      'predict_x0 false goes neither with thresholding nor with prediction_type "flow_prediction"',
      'Set predict_x0 true',
    );
  }
}
