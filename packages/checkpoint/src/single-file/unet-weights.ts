import { CacheQuantError } from '@cachequant/tensor';
import type { WeightSource } from '../weight-source.js';
import type { ViewedWeight } from '../weight-view.js';
import { EMA, UNET } from './prefixes.js';
import { unetLayerName } from './unet-names.js';

/** The weights of a U-Net under diffusers' names, by the names of the file that they come from. */
export function unetWeights(source: WeightSource, layersPerBlock: number): Map<string, ViewedWeight> {
  const weights = new Map<string, ViewedWeight>();
  for (const from of source.names()) {
    const parts = from.startsWith(UNET) ? /^(.+)\.(weight|bias)$/.exec(from.slice(UNET.length)) : null;
    const layer = parts === null ? undefined : unetLayerName(parts[1]!, layersPerBlock);
    if (layer !== undefined) weights.set(`${layer}.${parts![2]}`, { from });
  }
  return weights;
}

/**
 * The averaged weights (EMA) in place of the plain ones.
 * @throws CacheQuantError `invalid-argument` where the file holds none, `checkpoint-format` where it holds some
 */
export function averagedWeights(
  source: WeightSource,
  plain: ReadonlyMap<string, ViewedWeight>,
): Map<string, ViewedWeight> {
  const averaged = new Map(
    [...plain].map(([name, { from }]) => [name, { from: averagedName(from) }] as const),
  );
  if ([...averaged.values()].some(({ from }) => source.has(from))) return averaged;
  throw new CacheQuantError('invalid-argument', 'the file holds no averaged weights', {
    where: 'ema',
    expected: `names that begin with ${EMA}`,
    hint: 'Omit ema: a pruned file holds one set of weights, often the averaged one',
  });
}

/** They are kept flat, since the buffers of a module have no dots in their names. */
function averagedName(name: string): string {
  return `${EMA}${name.slice(name.indexOf('.') + 1).replaceAll('.', '')}`;
}
