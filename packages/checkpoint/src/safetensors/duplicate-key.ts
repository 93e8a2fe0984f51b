/**
 * A key that comes twice in one object of a JSON text, which `JSON.parse` passes over in silence.
 * Complexity: O(length).
 *
 * @param json valid JSON; for other text anything may come back
 * @returns the first one that repeats, or undefined
 */
export function duplicateKey(json: string): string | undefined {
  const objects: Set<string>[] = [];
  let string: string | undefined;
  for (let i = 0; i < json.length; i++) {
    const character = json[i]!;
    if (character === '"') {
      const end = endOfString(json, i);
      string = json.slice(i, end);
      i = end - 1;
    } else if (character === ':' && string !== undefined) {
      const key = JSON.parse(string) as string;
      const keys = objects.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    } else if (character === '{') objects.push(new Set());
    else if (character === '}') objects.pop();
  }
  return undefined;
}

/** The index after the closing quote. */
function endOfString(json: string, start: number): number {
  for (let i = start + 1; i < json.length; i++) {
    if (json[i] === '\\') i++;
    else if (json[i] === '"') return i + 1;
  }
  return json.length;
}
