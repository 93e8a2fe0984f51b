import { type GenerationRequest, openModelFolder } from '@cachequant/pipeline';
import { LARGEST_PICTURE } from '@cachequant/pipeline/internals';
import { CacheQuantError, type Storage } from '@cachequant/tensor';
import { z } from 'zod';

const SEED_LIMIT = 2 ** 53 - 1;

const lineSchema = z.strictObject({
  /** Repeated in the result, to find it by. */
  id: z.string().max(1000).optional(),
  prompt: z.string().optional(),
  negativePrompt: z.string().optional(),
  seed: z.int().min(0).max(SEED_LIMIT).optional(),
  steps: z.int().positive().optional(),
  guidanceScale: z.number().nonnegative().optional(),
  sampler: z.string().optional(),
  width: z.int().positive().max(LARGEST_PICTURE).optional(),
  height: z.int().positive().max(LARGEST_PICTURE).optional(),
});

/** What decides a picture, as a line of the file and the command's options say together. */
export type LineRequest = Omit<z.output<typeof lineSchema>, 'id' | 'seed'> & { readonly seed: number };

/** A line of a file of prompts. */
export interface PromptLine {
  /** From 1, as editors count. */
  readonly line: number;
  readonly id: string | undefined;
  readonly request: LineRequest;
}

/** Values for lines that say none. */
export interface LineDefaults extends Omit<LineRequest, 'prompt'> {}

/** Faults that are told one by one. */
const MOST_FAULTS = 10;

/**
 * Reads a file of prompts, a JSON object a line; empty lines are left out. A line without a seed has the command's seed
 * plus its place in the file.
 * @param name of the file, for messages
 * @throws CacheQuantError `invalid-argument` that names the lines and fields that are wrong, or says that there are none
 */
export function readPromptLines(
  text: string,
  name: string,
  { seed, ...defaults }: LineDefaults,
): PromptLine[] {
  const faults: string[] = [];
  const lines = text.split(/\r?\n/).flatMap((content, i) => {
    if (content.trim() === '') return [];
    const line = i + 1;
    const parsed = lineSchema.safeParse(parse(content));
    if (!parsed.success) {
      faults.push(`line ${line}: ${faultOf(parsed.error.issues[0]!)}`);
      return [];
    }
    const { id, ...given } = parsed.data;
    return [{ line, id, request: { ...defined(defaults), seed: seed + i, ...given } }];
  });
  if (faults.length > 0) throw refuse(name, faults);
  if (lines.length > 0) return lines;
  throw new CacheQuantError('invalid-argument', 'the file holds no prompts', {
    where: name,
    expected: 'a JSON object a line, such as {"prompt": "a red sneaker", "seed": 7}',
  });
}

/**
 * Looks at lines by what can be known of a model before it is loaded: whether it takes text.
 * @throws CacheQuantError `invalid-argument` that names the lines
 */
export async function requirePrompts(
  lines: readonly PromptLine[],
  name: string,
  { storage }: { readonly storage: Storage },
): Promise<void> {
  const { textEncoder } = await openModelFolder(storage);
  requireText(lines, name, textEncoder !== undefined);
}

/** @throws CacheQuantError `invalid-argument` that names the lines without a prompt, or with one for a model without text */
export function requireText(lines: readonly PromptLine[], name: string, takesText: boolean): void {
  const faults = lines
    .filter(({ request }) => (request.prompt !== undefined) !== takesText)
    .map(
      ({ line }) =>
        `line ${line}: ${takesText ? 'the prompt is missing' : 'prompt: the model takes no text'}`,
    );
  if (faults.length > 0) throw refuse(name, faults);
}

/**
 * Looks at lines with a loaded model, which runs nothing.
 * @throws CacheQuantError `invalid-argument` that names the lines that it cannot draw
 */
export async function checkLines(
  lines: readonly PromptLine[],
  name: string,
  check: (request: GenerationRequest) => Promise<unknown>,
): Promise<void> {
  const faults: string[] = [];
  for (const { line, request } of lines) {
    await check(request).catch((error) => {
      if (!CacheQuantError.is(error)) throw error;
      faults.push(`line ${line}: ${error.message}`);
    });
  }
  if (faults.length > 0) throw refuse(name, faults);
}

function refuse(name: string, faults: readonly string[]): CacheQuantError {
  const shown = faults.slice(0, MOST_FAULTS).map((fault) => `\n  ${fault}`);
  const more = faults.length > MOST_FAULTS ? `\n  and ${faults.length - MOST_FAULTS} more` : '';
  const count = faults.length === 1 ? 'a line cannot be drawn' : `${faults.length} lines cannot be drawn`;
  return new CacheQuantError('invalid-argument', `${count}; nothing was drawn${shown.join('')}${more}`, {
    where: name,
  });
}

function faultOf({ code, path, message, ...issue }: z.core.$ZodIssue): string {
  if (code === 'unrecognized_keys' && 'keys' in issue) {
    const fields = Object.keys(lineSchema.shape).join(', ');
    return `there is no field ${JSON.stringify(String(issue.keys[0]).slice(0, 100))} (expected ${fields})`;
  }
  if (path.length === 0) return 'no JSON object';
  return `${path.join('.')}: ${message.replace(/^Invalid input: /, '')}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function defined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Partial<T>;
}
