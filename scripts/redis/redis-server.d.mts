import type { ChildProcess } from 'node:child_process';

/** What tests say that could not run. */
export declare const missingServer: string;

/** Valkey's or Redis' server on this machine; undefined where there is none. */
export declare function findServer(): string | undefined;

export interface RedisServer {
  /** As in redis://127.0.0.1:1234. */
  readonly address: string;
  readonly process: () => ChildProcess;
  /** As kill -9 does. */
  kill(): Promise<void>;
  /** Kills it, and starts it at the same port; with `forget`, without what it had. */
  restart(options?: { readonly forget?: boolean }): Promise<void>;
  /** Kills it and removes its files. */
  stop(): Promise<void>;
}

/**
 * Starts a server on a free port that writes every change to disk before it answers.
 * @param options.within a command to run it by
 */
export declare function startRedis(options?: {
  readonly host?: string;
  readonly within?: readonly string[];
}): Promise<RedisServer>;
