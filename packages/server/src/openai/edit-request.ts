import { z } from 'zod';
import type { ServerLimits } from '../limits.js';
import { generationSchema } from './generation-request.js';

/** The fields of POST /v1/images/edits beside its files: those of a generation, and how much is changed. */
export function editSchema(limits: ServerLimits) {
  const share = z.number().gt(0).max(1).optional();
  return generationSchema(limits).extend({
    strength: share.describe('How much of the picture is changed; 0.8 when left out, 1 with a mask'),
    input_fidelity: z.string().optional().describe('Has no effect: see strength'),
  });
}

const NUMBERS = [
  'n',
  'output_compression',
  'partial_images',
  'seed',
  'num_inference_steps',
  'guidance_scale',
  'strength',
];
const SWITCHES: Readonly<Record<string, boolean>> = { true: true, false: false };

/** Forms have texts alone: numbers and switches are read from theirs, and what is none is left for the schema to refuse. */
export function formFields(texts: ReadonlyMap<string, string>): Record<string, unknown> {
  return Object.fromEntries(
    [...texts].map(([name, text]): [string, unknown] => {
      if (NUMBERS.includes(name)) return [name, text.trim() === '' ? text : asNumber(text)];
      if (name === 'stream') return [name, SWITCHES[text] ?? text];
      return [name, text];
    }),
  );
}

function asNumber(text: string): unknown {
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
}
