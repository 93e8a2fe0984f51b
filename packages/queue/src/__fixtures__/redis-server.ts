import { onTestFinished } from 'vitest';
import * as servers from '../../../../scripts/redis/redis-server.mjs';

export const { findServer, missingServer } = servers;

/** A server on a free port of this machine that writes every change to disk, and ends with the test. */
export async function startRedis(): Promise<servers.RedisServer> {
  const server = await servers.startRedis();
  onTestFinished(() => server.stop());
  return server;
}
