import { onTestFinished } from 'vitest';
import { createPictureServer, type PictureServer, type PictureServerOptions } from '../server.js';

export interface StartedServer {
  readonly server: PictureServer;
  /** As in http://127.0.0.1:1234. */
  readonly url: string;
  readonly port: number;
  /** Lines of the log, parsed. */
  readonly log: () => Record<string, unknown>[];
  readonly logText: () => string;
}

/** A server on a free port that has drawn its warm-up picture, and ends with the test. */
export async function startServer(options: PictureServerOptions): Promise<StartedServer> {
  const started = await startCold(options);
  await started.ready;
  return started;
}

/** The same without waiting for the warm-up picture. */
export async function startCold(
  options: PictureServerOptions,
): Promise<StartedServer & { readonly ready: Promise<void> }> {
  const lines: string[] = [];
  const server = createPictureServer({ logTo: { write: (line) => void lines.push(line) }, ...options });
  const { address, ready } = await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close({ graceSeconds: 0 }));
  return {
    server,
    ready,
    url: address,
    port: Number(new URL(address).port),
    log: () => lines.map((line) => JSON.parse(line)),
    logText: () => lines.join(''),
  };
}

export function postJson(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  });
}

/** A door that network calls wait at. */
export function gate(): {
  readonly wait: () => Promise<void>;
  readonly open: () => void;
  readonly reached: Promise<void>;
} {
  let [open, reach] = [() => {}, () => {}];
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const wait = () => {
    reach();
    return opened;
  };
  return { wait, open, reached };
}
