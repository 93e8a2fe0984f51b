import { CacheQuantError, type DeviceTensor, type Tensor } from '@cachequant/tensor';

/** Says which layer of a graph first gives a value that is not finite for these feeds; undefined where it cannot. */
export type LocateLayer = (
  feeds: Readonly<Record<string, Tensor | DeviceTensor>>,
  options?: { readonly signal?: AbortSignal },
) => Promise<string | undefined>;

/** Whether every value is a finite number. */
export function allFinite(data: Float32Array): boolean {
  return data.every(Number.isFinite);
}

/**
 * That a network gave NaN or infinite values, of which no picture can be made.
 * @param where the call or the part
 * @param layer what `LocateLayer` found
 */
export function nonFiniteError(where: string, layer: string | undefined, got: string): CacheQuantError {
  return new CacheQuantError('non-finite', `${got} NaN or infinite values`, {
    where: layer === undefined ? where : `${where}, layer ${layer}`,
    hint:
      layer === undefined
        ? "Look for damaged weights, or for values too large for the model's element type"
        : 'The layer is the first to give such values: its weights are damaged, or too large for its element type (export the model in float32)',
  });
}

/** @throws CacheQuantError `non-finite`, naming the part */
export async function requireFinite(
  { data }: Tensor<'float32'>,
  part: string,
  locate?: () => Promise<string | undefined>,
): Promise<void> {
  if (!allFinite(data)) throw nonFiniteError(part, await locate?.(), 'the output holds');
}
