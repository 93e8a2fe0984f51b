/**
 * The class that a text names: the one with the longest of its words found whole in the text, so that
 * "t-shirt" is no "shirt" and "ankle boot" wins over "boot".
 * @param classes for each class, the words that stand for it, in lower case
 * @returns the index of the class, undefined when none is named
 */
export function labelOf(text: string, classes: readonly (readonly string[])[]): number | undefined {
  const lower = text.toLowerCase();
  let found: number | undefined;
  let longest = 0;
  for (const [index, words] of classes.entries()) {
    for (const word of words) {
      if (word.length <= longest || !hasWord(lower, word)) continue;
      found = index;
      longest = word.length;
    }
  }
  return found;
}

function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!isLetter(text[at - 1]) && !isLetter(text[at + word.length])) return true;
  }
  return false;
}

function isLetter(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{N}-]/u.test(character);
}
