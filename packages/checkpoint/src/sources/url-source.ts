import { type ByteSource, CacheQuantError } from '@cachequant/tensor';

/** How a file is read over HTTP. */
export interface UrlSourceOptions {
  /** In place of the global one, for headers and tests. */
  fetch?: typeof fetch;
  signal?: AbortSignal;
}

/**
 * A file on a web server, read in ranges: in a page, the server must also allow the page's origin (CORS) and let it
 * see `Content-Range`.
 *
 * @throws CacheQuantError `storage` when there is no answer, or one without ranges; from `read`, also when the file
 *   is another one than at first
 */
export async function urlSource(url: string, options: UrlSourceOptions = {}): Promise<ByteSource> {
  const first = await ask(url, 0, 1, options);
  await first.body?.cancel();
  const size = Number(/\/(\d+)$/.exec(first.headers.get('content-range') ?? '')?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(size)) refuse(url, 'the server does not say how large the file is', first);
  const tag = first.headers.get('etag');
  return {
    name: url,
    size,
    async read(offset, length) {
      if (length === 0) return new Uint8Array(0);
      const response = await ask(url, offset, length, options);
      if (response.headers.get('etag') !== tag)
        refuse(url, 'the file has changed since it was opened', response);
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}

async function ask(
  url: string,
  offset: number,
  length: number,
  { fetch = globalThis.fetch, signal }: UrlSourceOptions,
): Promise<Response> {
  const range = `bytes=${offset}-${offset + length - 1}`;
  let response: Response;
  try {
    response = await fetch(url, { headers: { range }, ...(signal && { signal }) });
  } catch (cause) {
    if (signal?.aborted) throw new CacheQuantError('aborted', 'stopped on request', { cause });
    throw new CacheQuantError('storage', 'the file could not be fetched', {
      where: url,
      got: String(cause),
      hint: 'Check the connection, and whether the server allows pages of this origin (CORS)',
      cause,
    });
  }
  const starts = response.headers.get('content-range')?.startsWith(`bytes ${offset}-`);
  if (response.status === 206 && starts) return response;
  return refuse(
    url,
    response.ok ? 'the server does not give parts of files' : 'the server refused',
    response,
  );
}

function refuse(url: string, summary: string, response: Response): never {
  // A whole file may be on its way.
  void response.body?.cancel().catch(() => undefined);
  throw new CacheQuantError('storage', summary, {
    where: url,
    expected: 'status 206 with Content-Range',
    got: `status ${response.status}, Content-Range ${response.headers.get('content-range') ?? 'missing'}`,
    hint: 'Download the file and open it from the disk, or use a server that answers range requests',
  });
}
