import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeFile {
  content: Buffer;
  /** In large storage: listed with its SHA-256, and served by another host. */
  lfs: boolean;
}

/** What the server does out of the ordinary, by the part of the path that it concerns. */
export interface Trouble {
  at: RegExp;
  /** How often; always by default. */
  times?: number;
  status?: number;
  headers?: Record<string, string>;
  /** Sends this page in place of an answer. */
  page?: string;
  /** Ends the connection after so many bytes of the content. */
  cutAfter?: number;
  /** Sends everything, whatever range was asked for. */
  ignoreRange?: boolean;
  /** Sends other bytes of the same number. */
  corrupt?: boolean;
}

export interface Seen {
  host: 'hub' | 'storage';
  path: string;
  range: string | undefined;
  authorization: string | undefined;
}

/**
 * A server that speaks the part of the Hub's API that downloads need, and a second one for large files. Python's
 * huggingface_hub 2.4.0 downloads from it, too.
 */
export class HubServer {
  readonly commit = '0123456789abcdef0123456789abcdef01234567';
  readonly seen: Seen[] = [];
  troubles: Trouble[] = [];
  files: Record<string, FakeFile> = {};
  readonly #hub: Server;
  readonly #storage: Server;

  private constructor(readonly id: string) {
    this.#hub = createServer((request, response) => this.#answerHub(request, response));
    this.#storage = createServer((request, response) => this.#answerStorage(request, response));
  }

  static async start(id: string): Promise<HubServer> {
    const server = new HubServer(id);
    for (const one of [server.#hub, server.#storage]) {
      await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
    }
    return server;
  }

  async stop(): Promise<void> {
    for (const one of [this.#hub, this.#storage]) {
      one.closeAllConnections();
      await new Promise((resolve) => one.close(resolve));
    }
  }

  get endpoint(): string {
    return urlOf(this.#hub);
  }

  requests(path: RegExp): Seen[] {
    return this.seen.filter((one) => path.test(one.path));
  }

  #answerHub(request: IncomingMessage, response: ServerResponse): unknown {
    const path = this.#note('hub', request);
    const trouble = this.#troubleAt(path);
    if (trouble?.page !== undefined) return response.end(trouble.page);
    if (trouble?.status !== undefined) return refuse(response, trouble);
    if (path.startsWith(`/api/models/${this.id}/tree/${this.commit}`)) return this.#sendTree(response, path);
    if (path.startsWith(`/api/models/${this.id}/revision/`)) {
      const revision = decodeURIComponent(new URL(path, 'http://x').pathname.split('/').at(-1)!);
      if (revision !== 'main' && revision !== 'refs/pr/1' && revision !== this.commit) {
        return refuse(response, { at: /./, status: 404, headers: { 'x-error-code': 'RevisionNotFound' } });
      }
      return json(response, {
        _id: '1',
        id: this.id,
        sha: this.commit,
        tags: ['license:openrail++'],
        cardData: {},
      });
    }
    const resolved = `/${this.id}/resolve/${this.commit}/`;
    const name = path.startsWith(resolved) ? decodeURIComponent(path.slice(resolved.length)) : undefined;
    const file = name === undefined ? undefined : this.files[name];
    if (file === undefined) {
      return refuse(response, { at: /./, status: 401, headers: { 'x-error-code': 'RepoNotFound' } });
    }
    // What Python's client wants to see; ours goes by the list of files.
    response.setHeader('x-repo-commit', this.commit);
    response.setHeader('etag', `"${file.lfs ? sha256(file.content) : gitHash(file.content)}"`);
    if (file.lfs) response.setHeader('x-linked-etag', `"${sha256(file.content)}"`);
    if (file.lfs) response.setHeader('x-linked-size', file.content.length);
    if (!file.lfs) return sendContent(request, response, file.content, trouble);
    return response.writeHead(302, { location: `${urlOf(this.#storage)}/${name}?signature=x` }).end();
  }

  #answerStorage(request: IncomingMessage, response: ServerResponse): unknown {
    const path = this.#note('storage', request);
    const trouble = this.#troubleAt(path);
    if (trouble?.status !== undefined) return refuse(response, trouble);
    const name = new URL(path, 'http://x').pathname.slice(1);
    return sendContent(request, response, this.files[name]!.content, trouble);
  }

  /** In pages of two, as the Hub sends long lists. */
  #sendTree(response: ServerResponse, path: string): void {
    const url = new URL(path, this.endpoint);
    const start = Number(url.searchParams.get('cursor') ?? 0);
    const folders = [{ type: 'directory', path: 'unet', size: 0, oid: 'f'.repeat(40) }];
    const all = Object.entries(this.files).map(([name, { content, lfs }]) => {
      const pointer = Buffer.from('pointer');
      return lfs
        ? {
            type: 'file',
            path: name,
            size: content.length,
            oid: gitHash(pointer),
            lfs: { oid: sha256(content), size: content.length, pointerSize: pointer.length },
          }
        : { type: 'file', path: name, size: content.length, oid: gitHash(content) };
    });
    const page = [...folders, ...all].slice(start, start + 2);
    url.searchParams.set('cursor', `${start + 2}`);
    const more = start + 2 < all.length + folders.length;
    json(response, page, more ? { link: `<${url}>; rel="next"` } : {});
  }

  #note(host: Seen['host'], request: IncomingMessage): string {
    const { range, authorization } = request.headers;
    this.seen.push({ host, path: request.url!, range, authorization });
    return request.url!;
  }

  #troubleAt(path: string): Trouble | undefined {
    const found = this.troubles.find(({ at, times }) => at.test(path) && times !== 0);
    if (found?.times !== undefined) found.times--;
    return found;
  }
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

function gitHash(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function json(response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

function refuse(response: ServerResponse, { status = 500, headers = {} }: Trouble): void {
  response.writeHead(status, { 'content-type': 'text/html', ...headers }).end('<html>');
}

function sendContent(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  trouble: Trouble = { at: /./ },
): void {
  const asked = trouble.ignoreRange ? null : /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const start = Number(asked?.[1] ?? 0);
  const bytes = trouble.corrupt ? Buffer.alloc(content.length, 7) : content;
  const body = bytes.subarray(start);
  response.writeHead(asked === null ? 200 : 206, {
    'content-length': body.length,
    ...(asked === null ? {} : { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
  });
  if (trouble.cutAfter === undefined) {
    response.end(body);
    return;
  }
  response.write(body.subarray(0, trouble.cutAfter), () => setTimeout(() => response.destroy(), 20));
}
