import type { z } from 'zod';
import { ApiError } from '../faults/api-error.js';

type Issue = z.core.$ZodIssue;

/** @throws ApiError 400 that names the field, and repeats nothing of its value */
export function readBody<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  if (issue.code === 'unrecognized_keys') return refuseUnknown(issue.keys[0] ?? '');
  const param = issue.path.map(String).join('.');
  if (param === '') throw new ApiError(400, 'The body is not a JSON object.', { code: 'invalid_body' });
  if (isMissing(issue, body)) {
    throw new ApiError(400, `${param} is missing.`, { param, code: 'missing_required_parameter' });
  }
  throw new ApiError(400, `${param}: ${issue.message}`, { param, code: 'invalid_value' });
}

function refuseUnknown(key: string): never {
  const param = key.slice(0, 100);
  throw new ApiError(400, `There is no parameter ${JSON.stringify(param)}.`, {
    param,
    code: 'unknown_parameter',
  });
}

function isMissing({ code, path }: Issue, body: unknown): boolean {
  const [field] = path;
  return code === 'invalid_type' && path.length === 1 && !(String(field) in Object(body));
}
