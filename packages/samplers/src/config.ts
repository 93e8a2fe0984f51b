import { CacheQuantError, parseJson } from '@cachequant/tensor';
import type { z } from 'zod';

const WHERE = 'scheduler config';

/**
 * Reads the text of a `scheduler_config.json`, which Python may have written with `-Infinity` in it.
 * @param where for messages: the file's path
 * @throws CacheQuantError `invalid-argument` when it is not JSON
 */
export function parseSchedulerConfig(json: string, where: string = WHERE): unknown {
  const standard = json.replace(/"(?:[^"\\]|\\.)*"|(-?)Infinity|NaN/g, (token, sign: string | undefined) => {
    if (token.startsWith('"')) return token;
    return token === 'NaN' ? 'null' : `${sign}1e999`;
  });
  return parseJson(standard, where);
}

/** @throws CacheQuantError `invalid-argument` when the configuration is not an object */
export function asRecord(config: unknown): Record<string, unknown> {
  if (typeof config === 'object' && config !== null && !Array.isArray(config)) return { ...config };
  throw new CacheQuantError('invalid-argument', 'the configuration is not an object', {
    where: WHERE,
    expected: 'the content of a scheduler_config.json',
    got: describe(config),
    hint: 'Read the file with parseSchedulerConfig',
  });
}

/**
 * Checks the fields that a class knows and fills in its defaults; other fields are left out.
 * @throws CacheQuantError `unsupported` (a value that is not among those possible), `invalid-argument`
 */
export function validateConfig<S extends z.ZodType>(
  name: string,
  schema: S,
  record: Record<string, unknown>,
): z.output<S> {
  const result = schema.safeParse(record);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const [field, ...rest] = issue.path.map(String);
  const label = rest.length === 0 ? field! : `${field}[${rest.join('][')}]`;
  const got = describe(
    issue.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown>)[key], record),
  );
  if (issue.code === 'invalid_value') {
    throw new CacheQuantError('unsupported', `${label} is ${got}, which ${name} does not support here`, {
      where: WHERE,
      expected: issue.values
        .filter((value) => value !== null)
        .map(describe)
        .join(' or '),
      got,
    });
  }
  throw new CacheQuantError('invalid-argument', `${label} is not valid for ${name}`, {
    where: WHERE,
    expected: issue.message.replace(/^.*expected /, ''),
    got,
  });
}

/** A combination of fields, each possible alone, that cannot be computed. */
export function conflictingFields(summary: string, hint: string): CacheQuantError {
  return new CacheQuantError('unsupported', summary, { where: WHERE, hint });
}

function describe(value: unknown): string {
  return typeof value === 'number' || value === undefined ? String(value) : JSON.stringify(value);
}
