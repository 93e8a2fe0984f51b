import { CacheQuantError, throwIfAborted } from '@cachequant/tensor';

export interface FileRequest {
  readonly signal?: AbortSignal | undefined;
  /** Bytes from the start to leave out. */
  readonly offset?: number;
}

export interface FileFacts {
  /** Size of the whole file; undefined where the server does not say, or says that of a compressed form. */
  readonly totalBytes: number | undefined;
  /** Changes when the file does; undefined where the server does not say. */
  readonly version: string | undefined;
}

export interface FileResponse extends FileFacts {
  /** Where the bytes start: the requested offset, or 0 from a server that does not know ranges. */
  readonly offset: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * Asks a server for a file.
 *
 * @throws CacheQuantError `storage`: no such file, no answer, or a web page in place of the file, as servers of
 *   single-page applications give for whatever they do not have; `aborted`
 */
export async function requestFile(url: string, request: FileRequest = {}): Promise<FileResponse> {
  const { signal, offset = 0 } = request;
  const response = await ask(url, { headers: offset > 0 ? { Range: `bytes=${offset}-` } : {} }, signal);
  if (!response.ok) throw refused(url, response);
  if (isWebPage(response)) {
    await response.body?.cancel();
    throw webPage(url, response.headers.get('content-type') ?? 'HTML');
  }
  return {
    ...describe(response),
    offset: response.status === 206 ? offset : 0,
    chunks: readChunks(url, response, signal),
  };
}

/**
 * Looks whether a server has a file, without fetching it.
 *
 * @returns undefined when it has not
 * @throws CacheQuantError `storage` when it does not answer or refuses, `aborted`
 */
export async function findFile(url: string, signal?: AbortSignal): Promise<FileFacts | undefined> {
  const response = await ask(url, { method: 'HEAD' }, signal);
  if (MISSING.includes(response.status) || (response.ok && isWebPage(response))) return undefined;
  if (!response.ok) throw refused(url, response);
  return describe(response);
}

const MISSING: readonly number[] = [404, 410];

async function ask(url: string, init: RequestInit, signal: AbortSignal | undefined): Promise<Response> {
  throwIfAborted(signal);
  try {
    return await fetch(url, { ...init, ...(signal && { signal }) });
  } catch (cause) {
    throwIfAborted(signal);
    throw unreachable(url, cause);
  }
}

function describe({ headers }: Response): FileFacts {
  const range = /^bytes (\d+)-\d+\/(\d+)/.exec(headers.get('content-range') ?? '');
  const length = headers.has('content-encoding') ? null : headers.get('content-length');
  return {
    totalBytes: range ? Number(range[2]) : length === null ? undefined : Number(length),
    version: headers.get('etag') ?? headers.get('last-modified') ?? undefined,
  };
}

async function* readChunks(
  url: string,
  response: Response,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  let first = response.status === 200;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (first && startsLikeWebPage(value)) throw webPage(url, 'a file that starts with HTML');
      first = false;
      yield value;
    }
  } catch (cause) {
    throwIfAborted(signal);
    throw CacheQuantError.is(cause) ? cause : unreachable(url, cause);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function isWebPage({ headers, url }: Response): boolean {
  return /^text\/html\b/i.test(headers.get('content-type') ?? '') && !/\.html?$/i.test(new URL(url).pathname);
}

function startsLikeWebPage(bytes: Uint8Array): boolean {
  return /^\s*<(!doctype html|html)\b/i.test(new TextDecoder().decode(bytes.subarray(0, 64)));
}

function refused(url: string, { status, statusText }: Response): CacheQuantError {
  const missing = MISSING.includes(status);
  return new CacheQuantError('storage', missing ? 'no such file' : 'the server refused', {
    where: url,
    got: `${status} ${statusText}`.trim(),
    hint: missing
      ? 'Check the address'
      : status === 401 || status === 403
        ? 'The file is not public'
        : 'Try again later',
  });
}

function webPage(url: string, got: string): CacheQuantError {
  return new CacheQuantError('storage', 'the server answered with a web page in place of the file', {
    where: url,
    expected: 'the bytes of a file',
    got,
    hint: 'The file is probably missing there: many servers answer so instead of with 404. Check the address',
  });
}

function unreachable(url: string, cause: unknown): CacheQuantError {
  return new CacheQuantError('storage', 'the file could not be fetched', {
    where: url,
    got: cause instanceof Error ? cause.message : String(cause),
    hint: 'Check the connection; another host must allow this page by CORS headers',
    cause,
  });
}
