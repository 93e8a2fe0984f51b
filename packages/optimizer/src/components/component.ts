/** How a part beside the denoiser goes into the bundle. */
export const COMPONENT_FORMS = ['integers', 'stored as integers', 'as in the source'] as const;
export type ComponentForm = (typeof COMPONENT_FORMS)[number];

export type ComponentName = 'vae_decoder' | 'text_encoder';

/** A form that was made and measured. */
export interface ComponentAttempt {
  readonly form: ComponentForm;
  /** Of its files. */
  readonly bytes: number;
  /** Shortest of a few runs, in turn with those of the source. */
  readonly ms: number;
  readonly sourceMs: number;
  /** In decibels against what the source's graph gives: pictures of the decoder, hidden states of the text encoder. */
  readonly quality: number;
}

/** What becomes of a part, and why. */
export interface ComponentDecision {
  readonly name: ComponentName;
  readonly form: ComponentForm;
  readonly reason: string;
  readonly sourceBytes: number;
  readonly bytes: number;
  readonly attempts: readonly ComponentAttempt[];
}

/** Beside the graph of a part that computes in integers: the same in float, over the same weights. */
export const FLOAT_GRAPH = 'model.float32.onnx';

/** Where the graph of a part that is not as in the source lies in the work folder. */
export function componentFolder(name: ComponentName, form: ComponentForm): string {
  return `components/${name}/${form.replaceAll(' ', '-')}`;
}

/**
 * Takes the first form that keeps the quality and pays: integers in time, stored integers in bytes.
 * @param attempts in the order in which they are wanted
 * @param floor least quality in decibels
 */
export function decideComponent(
  name: ComponentName,
  sourceBytes: number,
  attempts: readonly ComponentAttempt[],
  floor: number,
): ComponentDecision {
  const refusals: string[] = [];
  for (const attempt of attempts) {
    const refusal = refusalOf(attempt, sourceBytes, floor);
    if (refusal === undefined) {
      const reason = `${attempt.quality.toFixed(1)} dB, ${attempt.ms.toFixed(1)} ms against ${attempt.sourceMs.toFixed(1)} ms`;
      const because = [reason, ...refusals].join('; ');
      return { name, form: attempt.form, reason: because, sourceBytes, bytes: attempt.bytes, attempts };
    }
    refusals.push(`${attempt.form}: ${refusal}`);
  }
  const reason = refusals.join('; ');
  return { name, form: 'as in the source', reason, sourceBytes, bytes: sourceBytes, attempts };
}

/** Stored integers are folded into float when the graph is loaded; slower than this means that they were not. */
const SLOWER = 1.5;

function refusalOf(
  { form, quality, ms, sourceMs, bytes }: ComponentAttempt,
  sourceBytes: number,
  floor: number,
): string | undefined {
  if (!(quality >= floor)) return `${quality.toFixed(1)} dB, less than ${floor}`;
  if (form === 'integers' && ms >= sourceMs) {
    return `no faster (${ms.toFixed(1)} ms against ${sourceMs.toFixed(1)})`;
  }
  if (form !== 'integers' && ms > SLOWER * sourceMs) {
    return `slower (${ms.toFixed(1)} ms against ${sourceMs.toFixed(1)})`;
  }
  return bytes >= sourceBytes ? `no smaller (${bytes} bytes against ${sourceBytes})` : undefined;
}
