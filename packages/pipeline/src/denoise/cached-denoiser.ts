import {
  CacheQuantError,
  type DeviceTensor,
  type Runtime,
  type Session,
  type Tensor,
} from '@cachequant/tensor';
import { placedConditioning } from '../conditioning/placed-conditioning.js';
import { readFloat32 } from '../model/convert-tensor.js';
import type { LocateLayer } from '../model/non-finite.js';
import { Anchors } from './anchors.js';
import { type ServedCalls, servedCalls } from './calibrated-calls.js';
import { ConditionalHalves } from './conditional-halves.js';
import type { Denoiser, DenoiserCall } from './denoiser.js';
import { declared, placedFeeds } from './denoiser-feeds.js';
import { findDenoiserInputs } from './denoiser-inputs.js';
import { firstOutput } from './float-denoiser.js';
import { unpackedPrediction } from './packed-latents.js';

/** What the two graphs call the features that pass between them. */
export interface CacheNames {
  /** Output of the full graph, and input of the cached graph: the features of the newest refresh. */
  readonly features: string;
  /** Input of the cached graph: the features of the refresh before it. */
  readonly previousFeatures: string;
}

export const DEFAULT_CACHE_NAMES: CacheNames = {
  features: 'cached_features',
  previousFeatures: 'cached_features_previous',
};

/** The two graphs, when each runs, and the corrections of the sampling loop. */
export interface CachedDenoiserOptions {
  /** Computes everything, and the features as an extra output. Loaded with `keepOnDevice` where that pays. */
  readonly full: Session;
  /** Computes what remains from cached features. */
  readonly cached: Session;
  /** The network calls at which `full` runs: ascending, the first is 0. */
  readonly refreshCalls: readonly number[];
  /**
   * The refreshes that compute the conditional half of guidance alone, with its difference to the other half forecast as
   * at cached calls; needs `guidance: 'forecast'`. Left out: none.
   */
  readonly conditionalRefreshes?: readonly number[] | undefined;
  /** Of the calls that tables and refresh calls were made for; left out: only as many calls can be served. */
  readonly calibratedTimesteps?: readonly number[] | undefined;
  /** How many refreshes back the cached graph looks. */
  readonly anchors: 1 | 2;
  /** `forecast`: cached calls compute the conditional half alone; `computed`, the default, both halves. */
  readonly guidance?: 'computed' | 'forecast';
  /** Fitted reach of that forecast, by call; left out: half of the line through the last two differences. */
  readonly guidanceExtrapolation?: readonly number[] | undefined;
  /** Weight of the prediction before, by call; left out: predictions are taken as they are. */
  readonly smoothing?: readonly number[] | undefined;
  readonly names?: CacheNames;
  /** Find layers of the graphs, for errors. */
  readonly locate?: { readonly full: LocateLayer; readonly cached: LocateLayer };
  /** Of the sessions: keeps the conditioning of an image where they compute. */
  readonly runtime?: Pick<Runtime, 'place'>;
}

/**
 * A denoiser that computes deep features in full at the refresh calls alone, and reuses them in between.
 * With two anchors and a single refresh so far, that one stands for both. It owns the sessions.
 *
 * Source: Ma et al., DeepCache, CVPR 2024, https://arxiv.org/abs/2312.00858. Differs: any schedule, two anchors.
 * @throws CacheQuantError `invalid-argument` when the refresh calls are not ascending from 0, `unsupported`
 * when a graph lacks the features
 */
export function cachedDenoiser(options: CachedDenoiserOptions): Denoiser {
  const { full, cached, refreshCalls, anchors: capacity, names = DEFAULT_CACHE_NAMES } = options;
  const { calibratedTimesteps: timesteps, conditionalRefreshes = [] } = options;
  checkRefreshCalls(refreshCalls);
  checkConditionalRefreshes(options);
  checkFeatures(full, cached, names, capacity);
  const reserved = [names.features, names.previousFeatures];
  const fullInputs = findDenoiserInputs(full.inputs, reserved);
  const cachedInputs = findDenoiserInputs(cached.inputs, reserved);
  const fullOutput = firstOutput(full, reserved);
  const cachedOutput = firstOutput(cached, reserved);
  const anchors = new Anchors(capacity);
  const conditioning = placedConditioning(options.runtime);
  const halves = new ConditionalHalves();
  const stats = { fullCalls: 0, cachedCalls: 0 };
  const { guidanceExtrapolation, smoothing, locate } = options;

  const fullFeeds = (call: DenoiserCall) => placedFeeds(full, fullInputs, call, conditioning.feed);

  async function cachedFeeds(call: DenoiserCall) {
    const cachedFeatures = anchors.of(call.stream ?? 0);
    const batch = call.sample.dims[0];
    // A refresh of the conditional half alone left no other half.
    const ofHalf = (feature: Tensor | DeviceTensor) =>
      feature.dims[0] === batch ? feature : halves.of(feature);
    const wanted = call.half ? await Promise.all(cachedFeatures.map(ofHalf)) : cachedFeatures;
    const features = featureFeeds(wanted, capacity, names, call);
    return { ...(await placedFeeds(cached, cachedInputs, call, conditioning.feed)), ...features };
  }

  async function refresh(call: DenoiserCall, signal: AbortSignal | undefined): Promise<Tensor<'float32'>> {
    const outputs = await full.run(await fullFeeds(call), {
      outputs: [fullOutput, names.features],
      ...(signal && { signal }),
    });
    anchors.push(call.stream ?? 0, outputs[names.features]!);
    stats.fullCalls += 1;
    return unpackedPrediction(await readFloat32(outputs[fullOutput]!), call.sample.dims);
  }

  async function reuse(call: DenoiserCall, signal: AbortSignal | undefined): Promise<Tensor<'float32'>> {
    const outputs = await cached.run(await cachedFeeds(call), {
      outputs: [cachedOutput],
      ...(signal && { signal }),
    });
    stats.cachedCalls += 1;
    return unpackedPrediction(await readFloat32(outputs[cachedOutput]!), call.sample.dims);
  }

  const serving = (served: Omit<ServedCalls, 'calibrated'> & Partial<ServedCalls>): Denoiser => {
    const refreshes = new Set(served.refreshCalls);
    const alone = new Set(served.conditionalRefreshes);
    const calibratedCall = (call: number) => served.calibrated?.[call] ?? call;
    return {
      sampleInput: declared(full, fullInputs.sample),
      conditioningInputs: fullInputs.conditioning.map((name) => declared(full, name)),
      ...(fullInputs.further && { furtherInput: declared(full, fullInputs.further) }),
      get stats() {
        return { ...stats };
      },
      kindOf: (call) => (refreshes.has(call) ? 'full' : 'cached'),
      ...(options.guidance === 'forecast' && {
        conditionalAlone: (call: number) => !refreshes.has(call) || alone.has(call),
      }),
      ...(guidanceExtrapolation && {
        guidanceExtrapolation: (call: number) => guidanceExtrapolation[calibratedCall(call)],
      }),
      // Predictions that lie nearer or further apart want other weights.
      ...(smoothing && !served.calibrated && { smoothing: (call: number) => smoothing[call] ?? 0 }),
      forTimesteps(others: readonly number[], firstCall = 0) {
        const isOwn = timesteps === undefined || others.length === timesteps.length;
        if (isOwn && firstCall === 0) return own;
        const served = isOwn
          ? { refreshCalls, conditionalRefreshes }
          : servedCalls(others, { timesteps, refreshCalls, conditionalRefreshes });
        return serving({ ...served, refreshCalls: refreshesFrom(firstCall, served.refreshCalls) });
      },
      predict(call, { signal } = {}) {
        const run = refreshes.has(call.call) ? refresh : reuse;
        return run({ ...call, call: calibratedCall(call.call) }, signal);
      },
      ...(locate && {
        async locateNonFinite(call: DenoiserCall, options?: { readonly signal?: AbortSignal }) {
          const own = { ...call, call: calibratedCall(call.call) };
          return refreshes.has(call.call)
            ? locate.full(await fullFeeds(own), options)
            : locate.cached(await cachedFeeds(own), options);
        },
      }),
      reset() {
        anchors.clear();
        conditioning.clear();
      },
      async dispose() {
        anchors.clear();
        conditioning.clear();
        await Promise.all([full.dispose(), cached.dispose()]);
      },
    };
  };
  const own = serving({ refreshCalls, conditionalRefreshes });
  return own;
}

/** Of a run that begins with a call: there is nothing to reuse at it. */
function refreshesFrom(firstCall: number, refreshCalls: readonly number[]): number[] {
  return [firstCall, ...refreshCalls.filter((call) => call > firstCall)];
}

function featureFeeds(
  anchors: readonly (Tensor | DeviceTensor)[],
  capacity: 1 | 2,
  names: CacheNames,
  { call, sample }: DenoiserCall,
): Record<string, Tensor | DeviceTensor> {
  const [newest, previous = newest] = anchors;
  if (newest === undefined || previous === undefined) {
    throw new CacheQuantError('invalid-argument', `call ${call} reuses features, but none are cached`, {
      where: 'denoiser.predict',
      hint: 'Make the calls of an image in order, from 0, after reset()',
    });
  }
  if (newest.dims[0] !== sample.dims[0]) {
    throw new CacheQuantError('shape', 'the batch changed since the features were cached', {
      where: 'denoiser.predict',
      expected: `${newest.dims[0]}`,
      got: `${sample.dims[0]}`,
      hint: 'Call reset() before another batch, or give each batch its own stream',
    });
  }
  return { [names.features]: newest, ...(capacity === 2 && { [names.previousFeatures]: previous }) };
}

function checkRefreshCalls(steps: readonly number[]): void {
  const ascending = steps.every(
    (step, i) => Number.isInteger(step) && (i === 0 ? step === 0 : step > steps[i - 1]!),
  );
  if (ascending && steps.length > 0) return;
  throw new CacheQuantError('invalid-argument', 'the refresh calls are not a schedule', {
    where: 'refreshCalls',
    expected: 'ascending whole numbers, the first 0',
    got: `[${steps}]`,
  });
}

function checkConditionalRefreshes({
  refreshCalls,
  conditionalRefreshes = [],
  guidance,
}: CachedDenoiserOptions): void {
  const later = new Set(refreshCalls.slice(1));
  const isForecast = guidance === 'forecast' || conditionalRefreshes.length === 0;
  if (isForecast && conditionalRefreshes.every((call) => later.has(call))) return;
  throw new CacheQuantError('invalid-argument', 'refreshes cannot compute the conditional half alone', {
    where: 'conditionalRefreshes',
    expected: "refreshes after the first one, and guidance 'forecast'",
    got: `[${conditionalRefreshes}] with guidance '${guidance ?? 'computed'}'`,
  });
}

function checkFeatures(full: Session, cached: Session, names: CacheNames, capacity: 1 | 2): void {
  const wanted = capacity === 2 ? [names.features, names.previousFeatures] : [names.features];
  const missing = [
    ...[names.features].filter((name) => !full.outputs.some((output) => output.name === name)),
    ...wanted.filter((name) => !cached.inputs.some((input) => input.name === name)),
  ];
  if (missing.length === 0) return;
  throw new CacheQuantError('unsupported', 'the graphs do not pass features between them', {
    where: 'cachedDenoiser',
    expected: `${names.features} as output of the full graph, ${wanted.join(' and ')} as input of the cached graph`,
    got: `no ${missing.join(', ')}`,
  });
}
