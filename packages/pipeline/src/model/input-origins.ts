import type { Storage } from '@cachequant/tensor';
import { z } from 'zod';
import { readOptionalJson } from './read-json.js';

/** Says of a lone graph where each of its inputs comes from; lies beside it, and in bundles of it. */
export const INPUT_ORIGINS = 'inputs.json';
/** Where the arrays lie that it names. */
export const INPUT_ARRAYS = 'inputs/';

const originSchema = z.discriminatedUnion('from', [
  z.strictObject({ from: z.enum(['sample', 'time']), was: z.string() }),
  /** The class of the request, out of so many; `none` is the label of the unconditional half. */
  z.strictObject({
    from: z.literal('class'),
    was: z.string(),
    classes: z.number().int().positive(),
    none: z.number().int().nonnegative().optional(),
  }),
  /** A field of the request. */
  z.strictObject({ from: z.enum(['guidance', 'width', 'height']), was: z.string() }),
  /** A number for each picture; of an input without dimensions it is a constant of the graph here. */
  z.strictObject({ from: z.literal('value'), was: z.string(), value: z.number() }),
  /** An array of NumPy in the folder, for all pictures. */
  z.strictObject({ from: z.literal('file'), was: z.string(), file: z.string() }),
]);

const originsSchema = z.strictObject({ inputs: z.record(z.string(), originSchema) });

/** Where an input of a lone graph comes from, and what the graph called it. */
export type StoredOrigin = z.output<typeof originSchema>;

/** By the names of the denoiser's inputs. */
export type InputOrigins = Readonly<Record<string, StoredOrigin>>;

/** Undefined for a model whose inputs its family knows. */
export async function readInputOrigins(storage: Storage): Promise<InputOrigins | undefined> {
  return (await readOptionalJson(storage, INPUT_ORIGINS, originsSchema))?.inputs;
}

/** The text of the file. */
export function inputOriginsText(inputs: InputOrigins): string {
  return `${JSON.stringify({ inputs }, null, 2)}\n`;
}
