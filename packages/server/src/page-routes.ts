import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';

/** The files of the page, read once: what a request names is never opened. */
const FILES = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/page.css', 'page.css', 'text/css; charset=utf-8'],
  ['/page.js', 'page.js', 'text/javascript; charset=utf-8'],
] as const;

const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data: blob:";

/** A plain page that draws, cancels, and shows the queue. */
export function pageRoutes(app: FastifyInstance): void {
  for (const [path, file, type] of FILES) {
    const content = readFileSync(new URL(`../page/${file}`, import.meta.url));
    app.get(path, { config: { open: true } }, (_, reply) =>
      reply
        .type(type)
        .header('content-security-policy', `${POLICY}; frame-ancestors 'none'; base-uri 'none'`)
        .send(content),
    );
  }
}
