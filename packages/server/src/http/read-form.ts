import { ApiError } from '../faults/api-error.js';

/** The parts of a multipart form. */
export interface Form {
  readonly texts: ReadonlyMap<string, string>;
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

/** More than any request here has. */
const MOST_PARTS = 64;

/**
 * Reads a form that is in memory whole, with the parser of the platform.
 * @throws ApiError 400 for what is none
 */
export async function readForm(body: unknown, contentType: string | undefined): Promise<Form> {
  if (!Buffer.isBuffer(body)) throw noForm();
  const data = await parsed(body, contentType ?? '');
  const texts = new Map<string, string>();
  const files: { name: string; bytes: Uint8Array }[] = [];
  for (const [name, value] of data) {
    if (texts.size + files.length >= MOST_PARTS) throw noForm(`more than ${MOST_PARTS} parts`);
    if (typeof value === 'string') texts.set(name, value);
    else files.push({ name, bytes: new Uint8Array(await value.arrayBuffer()) });
  }
  return { texts, files };
}

async function parsed(body: Buffer, contentType: string): Promise<FormData> {
  try {
    const response = new Response(new Uint8Array(body), { headers: { 'content-type': contentType } });
    return (await response.formData()) as unknown as FormData;
  } catch (cause) {
    throw noForm(undefined, cause);
  }
}

function noForm(why?: string, cause?: unknown): ApiError {
  return new ApiError(400, `The body is no multipart form${why ? `: ${why}` : ''}.`, {
    code: 'invalid_body',
    cause,
  });
}
