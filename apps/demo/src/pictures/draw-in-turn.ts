import type { GenerationRequest, Generator, RgbImage } from '@cachequant/pipeline';

export interface TimedPicture {
  readonly picture: RgbImage;
  /** Network calls and decoder. */
  readonly seconds: number;
}

/** One request by both. */
export interface Drawn {
  readonly original: TimedPicture;
  readonly bundle: TimedPicture;
}

type Both = Readonly<Record<keyof Drawn, Generator>>;

/**
 * Draws every request by both in turn, so that a machine whose speed drifts slows both alike; a picture of each that is
 * not counted comes first.
 */
export async function drawInTurn(
  { original, bundle }: Both,
  requests: readonly GenerationRequest[],
  onPicture: (done: number) => void,
): Promise<Drawn[]> {
  for (const generator of [original, bundle]) await draw(generator, requests[0]!);
  const drawn: Drawn[] = [];
  for (const request of requests) {
    onPicture(drawn.length);
    drawn.push({ original: await draw(original, request), bundle: await draw(bundle, request) });
  }
  onPicture(drawn.length);
  return drawn;
}

async function draw(generator: Generator, request: GenerationRequest): Promise<TimedPicture> {
  const { images, timings } = await generator.generate(request);
  const ms = timings.runs.reduce(
    (sum, { calls, decoderMs }) => sum + decoderMs + calls.reduce((all, call) => all + call.ms, 0),
    0,
  );
  return { picture: images[0]!, seconds: ms / 1000 };
}
