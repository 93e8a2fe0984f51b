function tableRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** @param align a letter for each column: l for text, r for numbers */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  align: string,
): string[] {
  const rule = head.map((_, column) => (align[column] === 'r' ? '---:' : '---'));
  return [head, rule, ...rows].map(tableRow);
}

/** A dash where there is nothing. */
export function fixed(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined ? '–' : value.toFixed(digits).replace('-', '−');
}

/** With its sign. */
export function signed(value: number, digits: number): string {
  const text = fixed(value, digits);
  return Number(value.toFixed(digits)) > 0 ? `+${text}` : text;
}

/** "a, b and c". */
export function listed(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

export const thousands = (count: number): string => count.toLocaleString('en');
