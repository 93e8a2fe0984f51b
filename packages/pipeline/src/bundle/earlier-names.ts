/**
 * Reads an object's fields under the names that files of earlier versions have for them, for `z.preprocess`.
 * @param names earlier name → today's
 * @returns a function that copies the object with today's names, and gives anything else back as it is
 */
export function earlierNames(names: Readonly<Record<string, string>>): (value: unknown) => unknown {
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const fields = Object.entries(value).map(([name, field]) => [today(names, name), field]);
    return Object.fromEntries(fields);
  };
}

function today(names: Readonly<Record<string, string>>, name: string): string {
  return Object.hasOwn(names, name) ? names[name]! : name;
}
