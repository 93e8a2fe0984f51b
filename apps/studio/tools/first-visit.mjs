// @ts-check
import { statSync } from 'node:fs';
import path from 'node:path';

/**
 * Bytes that were sent, before compression, by what they are for.
 *
 * @param {readonly string[]} requests `GET /path`, of one visit
 * @param {string} site
 */
export function bytesByPart(requests, site) {
  const bytes = { page: 0, runtime: 0, model: 0 };
  for (const request of requests) {
    const [method = '', pathname = ''] = request.split(' ');
    if (method !== 'GET') continue;
    const file = path.join(site, pathname.endsWith('/') ? `${pathname}index.html` : pathname);
    bytes[partOf(pathname)] += statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

/**
 * @param {string} pathname
 * @returns {'page' | 'runtime' | 'model'}
 */
function partOf(pathname) {
  if (/\/models\/.+\//.test(pathname)) return 'model';
  return /\.wasm$|\/worker-/.test(pathname) ? 'runtime' : 'page';
}
