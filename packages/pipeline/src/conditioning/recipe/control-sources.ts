import type { RgbImage } from '@cachequant/evaluate';
import { CacheQuantError, type Session, type Tensor, tensor } from '@cachequant/tensor';
import { convertTensor, readFloat32 } from '../../model/convert-tensor.js';
import { findGraph } from '../../model/find-graph.js';
import { requireFinite } from '../../model/non-finite.js';
import type { ConditioningRequest, Control, OpenConditioningContext } from '../conditioning-encoder.js';

/** What a ControlNet's first layers make of control images. It owns its session. */
export interface ControlEmbedding {
  /** [1, C, h, w] */
  embeddingOf(image: RgbImage, signal: AbortSignal | undefined): Promise<Tensor<'float32'>>;
  dispose(): Promise<void>;
}

/** @throws CacheQuantError `storage` when the folder lacks the graph */
export async function openControlEmbedding(
  where: string,
  { folder: { storage }, load }: Pick<OpenConditioningContext, 'folder' | 'load'>,
): Promise<ControlEmbedding> {
  const graph = await findGraph(storage, where);
  if (graph === undefined) throw missing(where);
  const session = await load(graph);
  return { embeddingOf: rememberedEmbedding(session), dispose: () => session.dispose() };
}

/** @throws CacheQuantError `invalid-argument` for a request without one */
export function requireControl({ control }: ConditioningRequest): Control {
  if (control !== undefined) return control;
  throw noImage();
}

/** Of the last image that was asked for: a request's pictures have the same, and so have both halves of guidance. */
function rememberedEmbedding(session: Session) {
  let last: { readonly image: RgbImage; readonly embedding: Promise<Tensor<'float32'>> } | undefined;
  return (image: RgbImage, signal: AbortSignal | undefined): Promise<Tensor<'float32'>> => {
    if (last?.image === image) return last.embedding;
    const embedding = embed(session, image, signal);
    last = { image, embedding };
    embedding.catch(() => {
      last = undefined;
    });
    return embedding;
  };
}

async function embed(
  session: Session,
  image: RgbImage,
  signal: AbortSignal | undefined,
): Promise<Tensor<'float32'>> {
  const [input, output] = [session.inputs[0]!, session.outputs[0]!];
  const feeds = { [input.name]: convertTensor(toUnitPixels(image), input.dtype) };
  const outputs = await session.run(feeds, { outputs: [output.name], ...(signal && { signal }) });
  const embedding = await readFloat32(outputs[output.name]!);
  await requireFinite(embedding, 'controlnet');
  return embedding;
}

/** [1, 3, H, W] in [0, 1]. */
function toUnitPixels({ width, height, rgb }: RgbImage): Tensor<'float32'> {
  const plane = width * height;
  const pixels = tensor('float32', [1, 3, height, width]);
  for (let i = 0; i < rgb.length; i++) pixels.data[(i % 3) * plane + Math.floor(i / 3)] = rgb[i]! / 255;
  return pixels;
}

/** In guess mode the first residual has a tenth of the scale, the last all of it, and between them equal ratios. */
const GUESS_MODE_FIRST = -1;

/** [1, R]: what each residual of a ControlNet counts. */
export function controlScales(
  { scale, guessMode = false }: Control,
  count: number,
  half: 'conditional' | 'unconditional',
): Tensor<'float32'> {
  const scales = tensor('float32', [1, count]);
  if (!guessMode) scales.data.fill(scale);
  else if (half === 'conditional') {
    for (let i = 0; i < count; i++) {
      const exponent = GUESS_MODE_FIRST * (1 - i / Math.max(1, count - 1));
      scales.data[i] = Math.fround(10 ** exponent) * scale;
    }
  }
  return scales;
}

function missing(where: string): CacheQuantError {
  return new CacheQuantError('storage', 'the model lacks a part', {
    where: `${where}/`,
    expected: 'the layers of the ControlNet that see the control image',
    hint: 'Copy the folder whole.',
  });
}

function noImage(): CacheQuantError {
  return new CacheQuantError('invalid-argument', 'the control image is missing', {
    where: 'control',
    expected: 'an image that the ControlNet follows',
  });
}
