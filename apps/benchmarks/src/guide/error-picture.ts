import { meanOf, relativeErrors } from '@cachequant/evaluate';
import { line } from '@observablehq/plot';
import type { Contestant } from '../ablation/contestants.js';
import type { ImageMaker } from '../ablation/images.js';
import { type Curve, chart } from './chart.js';

const IMAGES = 8;

/** Rows of the ablation, as the guide names them. */
export const ERROR_ROWS: readonly (Curve & { readonly id: string })[] = [
  { id: 'uniform-w8a8-i5', name: 'cache and integers, uncorrected', color: '#6a4fb3', dash: '5 3' },
  { id: 'paper-i5', name: "the paper's recipe", color: '#1f5fbf' },
  {
    id: 'factors-w8a8-forecast-none-i5',
    name: 'forecast, evenly spaced refreshes',
    color: '#2a8a57',
  },
  { id: 'cachequant-plms-50-i5', name: 'as optimize chose', color: '#b3123f' },
];

/** How far the latents of held-out images are from the float model's, call by call. */
export async function errorPicture(
  original: Contestant,
  contestants: readonly Contestant[],
  maker: ImageMaker,
): Promise<string> {
  const reference = await trajectoryOf(original, maker);
  const points: { curve: number; call: number; error: number }[] = [];
  for (const [curve, contestant] of contestants.entries()) {
    const made = await trajectoryOf(contestant, maker);
    const errors = made.map((each, image) => relativeErrors(each, reference[image]!));
    for (let call = 0; call < errors[0]!.length; call++) {
      points.push({ curve, call, error: meanOf(errors.map((each) => each[call]!)) });
    }
  }
  return chart(
    ERROR_ROWS,
    { x: 'network call', y: 'relative error of the latents', log: true },
    ({ colorOf }) =>
      contestants.map((_, curve) => {
        const own = points.filter((point) => point.curve === curve && point.error > 0);
        const { dash } = ERROR_ROWS[curve]!;
        return line(own, {
          x: 'call',
          y: 'error',
          stroke: colorOf(curve),
          strokeWidth: 2,
          ...(dash && { strokeDasharray: dash }),
        });
      }),
  );
}

/** Latents of every image after every call. */
async function trajectoryOf(contestant: Contestant, maker: ImageMaker): Promise<Float32Array[][]> {
  const denoiser = await contestant.load();
  const images: Float32Array[][] = Array.from({ length: IMAGES }, () => []);
  try {
    await maker.make({ denoiser, sampler: contestant.sampler }, 0, IMAGES, ({ latents }) => {
      const size = latents.data.length / IMAGES;
      for (const [i, image] of images.entries()) image.push(latents.data.slice(i * size, (i + 1) * size));
    });
    return images;
  } finally {
    await denoiser.dispose();
  }
}
