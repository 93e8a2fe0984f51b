/**
 * Characters that a terminal acts on instead of showing: control characters but line ends and tabs, and those that
 * change the direction of writing. Names of files and folders may hold them, to hide what is printed or worse.
 */
const ACTING = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** The text with such characters spelled out, as `\u001b`. */
export function printable(text: string): string {
  return text.replace(ACTING, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
