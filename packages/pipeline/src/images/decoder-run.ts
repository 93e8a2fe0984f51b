import { type Session, type Tensor, throwIfAborted } from '@cachequant/tensor';
import { convertTensor, readFloat32 } from '../model/convert-tensor.js';
import { type LocateLayer, requireFinite } from '../model/non-finite.js';

/** Runs a decoder on latents [B, C, h, w]; all its outputs, by name, in float32. */
export type DecoderRun = (
  latents: Tensor<'float32'>,
  further: Readonly<Record<string, Tensor>>,
  signal?: AbortSignal,
) => Promise<Readonly<Record<string, Tensor<'float32'>>>>;

/**
 * How a decoder's graph runs: its first input takes the latents, in the type that it has.
 * @throws CacheQuantError `non-finite` for pictures with NaN, when it runs
 */
export function graphRun(session: Session, locate: LocateLayer | undefined): DecoderRun {
  const input = session.inputs[0]!;
  const names = session.outputs.map(({ name }) => name);
  return async (latents, further, signal) => {
    throwIfAborted(signal);
    const feeds = { [input.name]: convertTensor(latents, input.dtype), ...further };
    const outputs = await session.run(feeds, { outputs: names, ...(signal && { signal }) });
    const read: Record<string, Tensor<'float32'>> = {};
    for (const name of names) read[name] = await readFloat32(outputs[name]!);
    await requireFinite(read[names[0]!]!, 'vae_decoder', async () => locate?.(feeds, signal && { signal }));
    return read;
  };
}
