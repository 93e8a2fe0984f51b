// @ts-check
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';

/** @type {Readonly<Record<string, string>>} */
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
};

/**
 * @typedef {object} ServeOptions
 * @property {Readonly<Record<string, string>>} folders by the start of the address, `/` or `/models/`
 * @property {boolean} [isolated] sends the headers of cross-origin isolation, which threads need
 * @property {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => boolean}
 *   [intercept] answers a request itself and returns true, for faults
 */

/**
 * @typedef {object} Serving
 * @property {string} url with a slash at its end
 * @property {string[]} requests method and path of each request so far
 * @property {() => Promise<void>} close
 */

/**
 * Serves folders on a free port of this machine, with ranges, until it is closed.
 *
 * @param {ServeOptions} options
 * @returns {Promise<Serving>}
 */
export async function serveFolders({ folders, isolated = false, intercept }) {
  /** @type {string[]} */
  const requests = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    requests.push(`${request.method} ${pathname}`);
    if (isolated) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    }
    if (intercept?.(request, response)) return;
    sendFile(fileOf(folders, decodeURIComponent(pathname)), request, response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${address.port}/`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * @param {ServeOptions['folders']} folders
 * @param {string} pathname
 * @returns {string | undefined} undefined when the address leaves its folder or is in none
 */
function fileOf(folders, pathname) {
  const starts = Object.keys(folders).sort((a, b) => b.length - a.length);
  const start = starts.find((prefix) => pathname.startsWith(prefix));
  if (start === undefined) return undefined;
  const folder = path.resolve(folders[start] ?? '');
  const rest = pathname.slice(start.length);
  const file = path.join(folder, rest === '' || rest.endsWith('/') ? `${rest}index.html` : rest);
  return file.startsWith(folder + path.sep) ? file : undefined;
}

/**
 * @param {string | undefined} file
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
function sendFile(file, request, response) {
  const found = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false });
  if (file === undefined || !found?.isFile()) {
    response.writeHead(404, { 'Content-Type': 'text/plain' }).end('not found');
    return;
  }
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (start > 0 && start >= found.size) {
    response.writeHead(416, { 'Content-Range': `bytes */${found.size}` }).end();
    return;
  }
  response.writeHead(start > 0 ? 206 : 200, {
    'Content-Type': types[path.extname(file)] ?? 'application/octet-stream',
    'Content-Length': found.size - start,
    'Accept-Ranges': 'bytes',
    ETag: `"${found.size}-${found.mtimeMs}"`,
    ...(start > 0 && { 'Content-Range': `bytes ${start}-${found.size - 1}/${found.size}` }),
  });
  if (request.method === 'HEAD') response.end();
  else createReadStream(file, { start }).pipe(response);
}
