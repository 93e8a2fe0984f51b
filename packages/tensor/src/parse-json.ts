import { CacheQuantError } from './errors.js';
import { isLfsPointer, lfsPointerError } from './lfs-pointer.js';

/** Levels of lists and objects within one another; configuration files have less than ten. */
const DEEPEST = 100;

/** Lists and objects in all; the largest tokenizers have half a million. */
const MOST_CONTAINERS = 4_000_000;

/**
 * Parses JSON that somebody else wrote. Parsers and checks recurse, and an empty list takes two bytes in a file and
 * fifty in memory: so both are bounded before anything is made of the text.
 * @param revive as of `JSON.parse`
 * @throws CacheQuantError `invalid-argument` for what is no JSON, nested more than 100 deep, or with more than
 * 4,000,000 lists and objects; `storage` for a Git LFS pointer
 */
export function parseJson(
  text: string,
  where: string,
  revive?: (key: string, value: unknown) => unknown,
): unknown {
  requireModest(text, where);
  try {
    return JSON.parse(text, revive);
  } catch (cause) {
    if (isLfsPointer(new TextEncoder().encode(text.slice(0, 1025)))) throw lfsPointerError(where);
    throw new CacheQuantError('invalid-argument', 'the file is not JSON', {
      where,
      got: cause instanceof Error ? cause.message : String(cause),
      hint: 'Download or export it again',
      cause,
    });
  }
}

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [
  0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d,
];

function requireModest(text: string, where: string): void {
  let depth = 0;
  let containers = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) at = endOfString(text, at);
    else if (character === CLOSE_LIST || character === CLOSE_OBJECT) depth -= 1;
    else if (character === OPEN_LIST || character === OPEN_OBJECT) {
      depth += 1;
      containers += 1;
      if (depth > DEEPEST) throw tooMuch(where, 'nested too deep', `at most ${DEEPEST} levels`);
      if (containers > MOST_CONTAINERS) {
        throw tooMuch(where, 'made of too many parts', `at most ${MOST_CONTAINERS} lists and objects`);
      }
    }
  }
}

/** Where the string that starts here ends. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

function tooMuch(where: string, how: string, expected: string): CacheQuantError {
  return new CacheQuantError('invalid-argument', `the JSON is ${how}`, { where, expected });
}
