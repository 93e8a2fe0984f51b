import { CacheQuantError, type Tensor, tensor } from '@cachequant/tensor';
import { allFinite, nonFiniteError } from '../model/non-finite.js';
import type { Conditioning, Denoiser, DenoiserCall } from './denoiser.js';
import type { GuidanceForecast } from './guidance-forecast.js';

/**
 * Whether a guidance scale asks for the unconditional half: only above 1, as in diffusers. At 1 that half cancels out,
 * and models distilled without guidance prescribe 0.
 */
export function isGuided(scale: number): boolean {
  return scale > 1;
}

/** How the two halves of guidance are computed and joined. */
export interface Guidance {
  readonly conditional: Conditioning;
  /** Needed when `scale` is above 1. */
  readonly unconditional?: Conditioning | undefined;
  readonly scale: number;
  /** `together` runs both halves as one batch, unconditional first; `one-by-one` needs half the memory. */
  readonly halves: 'together' | 'one-by-one';
  /** What `withJoinedConditioning` made; left out: made again. */
  readonly joined?: Conditioning | undefined;
  /** Of the same batch, call after call; needed for denoisers that compute the conditional half alone. */
  readonly forecast?: GuidanceForecast;
}

/**
 * With the conditioning of both halves as one batch, made once for all calls, so that what was placed for one call is
 * there for the next.
 */
export function withJoinedConditioning(guidance: Guidance): Guidance {
  const { conditional, unconditional, scale, halves } = guidance;
  if (!isGuided(scale) || unconditional === undefined || halves === 'one-by-one') return guidance;
  return { ...guidance, joined: concatConditioning(unconditional, conditional) };
}

/**
 * One prediction with classifier-free guidance: unconditional + scale · (conditional − unconditional); at scales up to
 * 1 the conditional half, alone.
 *
 * Source: Ho and Salimans, Classifier-Free Diffusion Guidance, 2022, https://arxiv.org/abs/2207.12598, in
 * diffusers' parametrisation. Differs: where the denoiser says so, the conditional half alone is computed, and the
 * difference to the other half forecast.
 * @throws CacheQuantError `invalid-argument` when the unconditional half is missing, `non-finite` when the denoiser
 * gives NaN or infinite values
 */
export async function guidedPrediction(
  denoiser: Denoiser,
  call: Omit<DenoiserCall, 'conditioning'>,
  guidance: Guidance,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Tensor<'float32'>> {
  const { conditional, unconditional, scale, halves, joined, forecast } = guidance;
  if (!isGuided(scale)) return finitePrediction(denoiser, { ...call, conditioning: conditional }, options);
  if (unconditional === undefined) {
    throw new CacheQuantError('invalid-argument', 'guidance needs unconditional conditioning', {
      where: 'guidanceScale',
      got: String(scale),
      hint: 'Give `unconditional`, or a scale of 1 or below',
    });
  }
  const difference = denoiser.conditionalAlone?.(call.call) ? forecast?.at(call.call) : undefined;
  if (difference) {
    const stream = halves === 'one-by-one' ? ({ stream: 1 } as const) : ({ half: 'conditional' } as const);
    const { dims, data } = await finitePrediction(
      denoiser,
      { ...call, conditioning: conditional, ...stream },
      options,
    );
    return tensor(
      'float32',
      dims,
      data.map((value, i) => value + (scale - 1) * difference[i]!),
    );
  }
  if (halves === 'one-by-one') {
    const first = await finitePrediction(
      denoiser,
      { ...call, conditioning: unconditional, stream: 0 },
      options,
    );
    const second = await finitePrediction(
      denoiser,
      { ...call, conditioning: conditional, stream: 1 },
      options,
    );
    forecast?.observe(call.call, first.data, second.data);
    return tensor('float32', first.dims, combine(first.data, second.data, scale));
  }
  const both = await finitePrediction(
    denoiser,
    {
      ...call,
      sample: concatBatch(call.sample, call.sample) as Tensor<'float32'>,
      conditioning: joined ?? concatConditioning(unconditional, conditional),
    },
    options,
  );
  const middle = both.data.length / 2;
  const [first, second] = [both.data.subarray(0, middle), both.data.subarray(middle)];
  forecast?.observe(call.call, first, second);
  return tensor('float32', [both.dims[0]! / 2, ...both.dims.slice(1)], combine(first, second, scale));
}

async function finitePrediction(
  denoiser: Denoiser,
  call: DenoiserCall,
  options: { readonly signal?: AbortSignal },
): Promise<Tensor<'float32'>> {
  const prediction = await denoiser.predict(call, options);
  if (allFinite(prediction.data)) return prediction;
  const layer = await denoiser.locateNonFinite?.(call, options);
  throw nonFiniteError(`call ${call.call} (timestep ${call.timestep})`, layer, 'the denoiser gives');
}

/** unconditional + scale · (conditional − unconditional), as torch rounds it. */
export function combine(unconditional: Float32Array, conditional: Float32Array, scale: number): Float32Array {
  return unconditional.map((base, i) => base + Math.fround(scale * Math.fround(conditional[i]! - base)));
}

/** Conditioning of both halves as one batch. */
export function concatConditioning(first: Conditioning, second: Conditioning): Conditioning {
  return Object.fromEntries(
    Object.entries(second).map(([name, value]) => {
      const other = first[name];
      if (other === undefined) {
        throw new CacheQuantError('invalid-argument', `${name} is missing`, { where: 'unconditional' });
      }
      return [name, concatBatch(other, value)];
    }),
  );
}

/**
 * Two tensors one after the other along their first dimension.
 * @throws CacheQuantError `shape` when their other dimensions or element types differ
 */
export function concatBatch(first: Tensor, second: Tensor): Tensor {
  const [head = 0, ...rest] = first.dims;
  const [tail = 0, ...others] = second.dims;
  if (first.dtype !== second.dtype || rest.join() !== others.join()) {
    throw new CacheQuantError('shape', 'tensors of one batch differ', {
      where: 'conditioning',
      expected: `${first.dtype}[*,${rest}]`,
      got: `${second.dtype}[*,${others}]`,
    });
  }
  const joined = tensor(first.dtype, [head + tail, ...rest]);
  const { data } = joined;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    data.set(first.data as BigInt64Array);
    data.set(second.data as BigInt64Array, first.data.length);
  } else {
    data.set(first.data as Float32Array);
    data.set(second.data as Float32Array, first.data.length);
  }
  return joined;
}
