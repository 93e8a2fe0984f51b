/** HTML that may go into the page as it is: every outside string in it has been escaped. */
export class Markup {
  constructor(readonly source: string) {}
}

type Child = Markup | string | number | null | undefined | false | readonly Child[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes a string for text and for quoted attributes; characters that HTML does not allow become U+FFFD. */
export function escapeHtml(text: string): string {
  return replaceForbidden(text).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Replaces control characters and lone surrogates, which no HTML or SVG document may hold. */
export function replaceForbidden(text: string): string {
  return text.replace(
    /[^\t\n\r\u{20}-\u{7e}\u{a0}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu,
    '\u{fffd}',
  );
}

/**
 * Template of markup: values are escaped unless they are `Markup`; lists are joined; null, undefined and
 * false leave nothing. Attributes must be in double quotes.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Child[]): Markup {
  return new Markup(
    parts.map((part, index) => (index < values.length ? part + childSource(values[index]) : part)).join(''),
  );
}

function childSource(child: Child): string {
  if (child === null || child === undefined || child === false) return '';
  if (child instanceof Markup) return child.source;
  if (typeof child === 'string' || typeof child === 'number') return escapeHtml(String(child));
  return child.map(childSource).join('');
}
