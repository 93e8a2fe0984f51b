import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './paths.js';

/** Valkey or Redis on a free port of this machine. */
export interface RedisServer {
  /** As in redis://127.0.0.1:1234. */
  readonly address: string;
  /** As kill -9 does. */
  kill(): Promise<void>;
  /** Kills it, and starts it at the same port; with `forget`, without what it had. */
  restart(options?: { readonly forget?: boolean }): Promise<void>;
  /** Kills it and removes its files. */
  stop(): Promise<void>;
}

interface RedisScript {
  /** Undefined where there is none. */
  findServer(): string | undefined;
  readonly missingServer: string;
  startRedis(options?: { readonly host?: string }): Promise<RedisServer>;
}

const script = pathToFileURL(path.join(ROOT, 'scripts/redis/redis-server.mjs')).href;

export const { findServer, missingServer, startRedis } = (await import(script)) as RedisScript;
