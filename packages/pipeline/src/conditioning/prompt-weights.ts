/** A piece of a prompt, and how much it counts. */
export interface WeightedText {
  readonly text: string;
  /** 1 for what is not weighted. */
  readonly weight: number;
}

/** Of a pair of round brackets without a number; square brackets divide by it. */
const EMPHASIS = 1.1;

const TOKEN = /\\[\\()[\]]|[([]|:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)|[)\]]|[^\\()[\]:]+|[\\:]/g;

interface Opened {
  readonly bracket: '(' | '[';
  /** Index of the first piece inside. */
  readonly from: number;
}

/**
 * Takes the weights out of a prompt: `(text:1.2)` weights by a number, `(text)` by 1.1, `[text]` by 1/1.1; nested ones
 * multiply, and a backslash takes a bracket as it is. A bracket that is never closed weights all behind it; one that was
 * never opened is text.
 *
 * Source: the syntax of stable-diffusion-webui, `parse_prompt_attention`; its BREAK is not read.
 */
export function parseWeights(prompt: string): WeightedText[] {
  const pieces: { text: string; weight: number }[] = [];
  const open: Opened[] = [];
  const close = ({ from }: Opened, factor: number) => {
    for (const piece of pieces.slice(from)) piece.weight *= factor;
  };
  const lastOpened = (bracket: Opened['bracket']) => {
    const at = open.findLastIndex((opened) => opened.bracket === bracket);
    return at < 0 ? undefined : open.splice(at, 1)[0];
  };
  for (const [token, number] of prompt.matchAll(TOKEN)) {
    const opened =
      number !== undefined || token === ')' ? lastOpened('(') : token === ']' ? lastOpened('[') : undefined;
    if (token === '(' || token === '[') open.push({ bracket: token, from: pieces.length });
    else if (opened) close(opened, number !== undefined ? Number(number) : factorOf(opened));
    else pieces.push({ text: /^\\[\\()[\]]$/.test(token) ? token.slice(1) : token, weight: 1 });
  }
  for (const opened of open.reverse()) close(opened, factorOf(opened));
  return joined(pieces);
}

function factorOf({ bracket }: Opened): number {
  return bracket === '(' ? EMPHASIS : 1 / EMPHASIS;
}

/** Neighbours of one weight as one piece, so that no word is cut in two for nothing. */
function joined(pieces: readonly WeightedText[]): WeightedText[] {
  const result: WeightedText[] = [];
  for (const piece of pieces) {
    const last = result.at(-1);
    if (last?.weight === piece.weight) result[result.length - 1] = { ...last, text: last.text + piece.text };
    else result.push(piece);
  }
  return result;
}
