import type { Conditioning } from '@cachequant/pipeline';
import { fittingArray, type InputOrigins } from '@cachequant/pipeline/internals';
import { CacheQuantError, type Tensor, type TensorInfo } from '@cachequant/tensor';
import type { PreparedSource } from './prepare-source.js';

/**
 * What calibration images are conditioned on, from the caller: recorded in use, say. Each replaces what the model's family
 * would feed to the inputs that it has; noise and times are those of the sampler.
 */
export interface CalibrationFeeds {
  /** Changes whenever the tensors do, so that results of others are never taken up. */
  readonly fingerprint: string;
  /** One of each calibration image, in turn; every fourth is kept for the verification, where there are four. */
  readonly images: readonly CalibrationFeed[];
}

/** What one calibration image is conditioned on. */
export interface CalibrationFeed {
  /** For messages: a file. */
  readonly name: string;
  /** Tensors [1, …], or without the axis of pictures, by the names of the graph's inputs. */
  readonly feeds: Readonly<Record<string, Tensor>>;
}

/** Feeds that fit the graph, by the names of its inputs here. */
export interface FittedFeeds {
  readonly seen: readonly Conditioning[];
  readonly heldOut: readonly Conditioning[];
  /** Inputs that sampling feeds, which were given as well and are left aside. */
  readonly unused: readonly string[];
}

/**
 * Checks feeds against the inputs of the denoiser.
 * @throws CacheQuantError `invalid-argument` for a name that the graph has not, `shape`, `dtype`
 */
export function fitFeeds(
  { images }: CalibrationFeeds,
  { conditioning, inputs, folder }: Pick<PreparedSource, 'conditioning' | 'inputs' | 'folder'>,
): FittedFeeds {
  const conditioned = conditioning?.inputs ?? [];
  const sampled = [inputs.sample, ...(inputs.timestep === undefined ? [] : [inputs.timestep])];
  const nameOf = namesBefore(folder.inputOrigins);
  const unused = new Set<string>();
  const fitted = images.map(({ name: where, feeds }) => {
    const own: Record<string, Tensor> = {};
    for (const [given, value] of Object.entries(feeds)) {
      const name = nameOf(given);
      const input = conditioned.find((each) => each.name === name);
      if (input !== undefined) own[name] = fittingFeed(input, value, `${where}, ${given}`);
      else if (sampled.includes(name)) unused.add(given);
      else throw unknownInput(where, given, conditioned, folder.inputOrigins);
    }
    return own;
  });
  const isHeldOut = (i: number) => fitted.length >= 4 && i % 4 === 3;
  return {
    seen: fitted.filter((_, i) => !isHeldOut(i)),
    heldOut: fitted.length < 4 ? fitted : fitted.filter((_, i) => isHeldOut(i)),
    unused: [...unused],
  };
}

/** Inputs of lone graphs are known by the names that the graph gave them. */
function namesBefore(origins: InputOrigins = {}): (given: string) => string {
  const names = new Map(Object.entries(origins).map(([name, { was }]) => [was, name]));
  return (given) => names.get(given) ?? given;
}

function fittingFeed(input: TensorInfo, value: Tensor, where: string): Tensor {
  const isWhole = (dtype: string) => !/float/.test(dtype);
  if (isWhole(input.dtype) && !isWhole(value.dtype)) {
    throw new CacheQuantError('dtype', 'the array holds other numbers than the input takes', {
      where,
      expected: input.dtype,
      got: value.dtype,
    });
  }
  return fittingArray(input, value, where);
}

function unknownInput(
  where: string,
  name: string,
  conditioned: readonly TensorInfo[],
  origins: InputOrigins | undefined,
): CacheQuantError {
  const names = conditioned.map((input) => origins?.[input.name]?.was ?? input.name);
  return new CacheQuantError('invalid-argument', `the graph has no input ${name} to condition it on`, {
    where,
    expected: names.join(', ') || 'none: the graph is conditioned on nothing',
  });
}
