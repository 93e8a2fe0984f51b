/**
 * Rows as aligned columns, two spaces apart.
 * @param right columns whose cells end on one line, such as numbers
 */
export function tableLines(
  rows: readonly (readonly string[])[],
  { indent = 2, right = [] }: { readonly indent?: number; readonly right?: readonly number[] } = {},
): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) => {
    const cells = row.map((cell, column) =>
      right.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
    );
    return `${' '.repeat(indent)}${cells.join('  ')}`.trimEnd();
  });
}
