import type { FastifyReply } from 'fastify';

export interface EventStreamOptions {
  /** For which a client may take nothing. */
  readonly sendSeconds: number;
  /** After which a comment keeps proxies from closing a stream that says nothing. */
  readonly keepAliveMs?: number;
}

const KEEP_ALIVE_MS = 15_000;
const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
  connection: 'close',
};

/**
 * Server-sent events. Headers go out with the first event, or with the first comment: what fails before is answered
 * with a status of its own.
 */
export class EventStream {
  readonly #reply: FastifyReply;
  readonly #timer: NodeJS.Timeout;
  readonly #sendSeconds: number;

  constructor(reply: FastifyReply, { sendSeconds, keepAliveMs = KEEP_ALIVE_MS }: EventStreamOptions) {
    this.#reply = reply;
    this.#sendSeconds = sendSeconds;
    this.#timer = setInterval(() => this.#write(': waiting\n\n'), keepAliveMs);
    reply.raw.once('close', () => clearInterval(this.#timer));
  }

  /** Whether it is too late for another status. */
  get hasBegun(): boolean {
    return this.#reply.raw.headersSent;
  }

  send(event: string, data: unknown): void {
    this.#write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** Sends only to a client that took what was sent before, so that a slow one fills no memory. */
  sendIfTaken(event: string, data: unknown): void {
    if (this.#reply.raw.writableLength === 0) this.send(event, data);
  }

  /** Leaves the answer to somebody else; nothing must have been sent. */
  leave(): void {
    clearInterval(this.#timer);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#reply.raw.end();
  }

  #write(text: string): void {
    const { raw } = this.#reply;
    if (raw.destroyed || raw.writableEnded) return;
    if (!raw.headersSent) {
      this.#reply.hijack();
      raw.socket?.setTimeout(this.#sendSeconds * 1000);
      raw.writeHead(200, { ...(this.#reply.getHeaders() as Record<string, string>), ...HEADERS });
    }
    raw.write(text);
  }
}
