import { CacheQuantError } from '@cachequant/tensor';

/** An error in words for the person at the page. */
export interface Explanation {
  readonly title: string;
  readonly text: string;
  /** The error's own words, for whoever wants to report it. */
  readonly details: string | undefined;
}

const TITLES: Partial<Record<string, string>> = {
  bundle: 'This bundle cannot be used',
  storage: 'The files could not be read',
  unsupported: 'This does not work here',
  runtime: 'The computation failed',
  'invalid-argument': 'That cannot be computed',
  'onnx-format': 'A model file is damaged',
  'checkpoint-format': 'A file of weights is damaged',
  'infeasible-schedule': 'There is no such schedule',
};

export function explain(error: unknown): Explanation {
  if (!CacheQuantError.is(error)) {
    const words = error instanceof Error ? error.message : String(error);
    return {
      title: 'Something went wrong',
      text: 'Reload the page and try again. If it stays like this, please report it with the details below.',
      details: words,
    };
  }
  return { title: TITLES[error.code] ?? 'Something went wrong', text: textOf(error), details: error.message };
}

function textOf({ message, where, expected, got, hint, code }: CacheQuantError): string {
  const start = where === undefined ? 0 : where.length + 2;
  const facts = message.indexOf(expected === undefined ? ' (got ' : ' (expected ', start);
  const hinted = hint === undefined ? -1 : message.lastIndexOf(`. ${hint}`);
  const end = (expected ?? got) !== undefined && facts > 0 ? facts : hinted > 0 ? hinted : message.length;
  const file = code === 'bundle' && where !== undefined ? `The trouble is with ${where}` : undefined;
  return [message.slice(start, end), file, hint]
    .filter((part) => part !== undefined)
    .map((part) => `${part.charAt(0).toUpperCase()}${part.slice(1).replace(/\.$/, '')}.`)
    .join(' ')
    .replace(/`([^`]*)`/g, '“$1”');
}

/** A folder that is neither a bundle nor a model. */
export function noBundle(name: string): Explanation {
  return {
    title: 'There is no bundle in there',
    text: `“${name}” has no cachequant.json. A bundle is the whole folder that “cachequant optimize” writes: drop that folder itself, not a single file out of it. A model folder is optimized first.`,
    details: undefined,
  };
}
