// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TaskFailure } from '../workspace/failure.mjs';
import { toolPath } from '../workspace/paths.mjs';

const startTimeoutMs = 60_000;

/**
 * Starts a registry on a free loopback port. It knows the workspace's packages only from what is published to it,
 * and takes all others from the given registry. It ends with this process.
 *
 * @param {string} folder for its storage and configuration
 * @param {{ upstream: string, env: NodeJS.ProcessEnv }} options
 * @returns {Promise<{ url: string, stop: () => void }>}
 */
export async function startRegistry(folder, { upstream, env }) {
  mkdirSync(folder, { recursive: true });
  const configFile = path.join(folder, 'config.json');
  writeFileSync(configFile, JSON.stringify(configuration(folder, upstream), undefined, 2));
  const port = await freePort();
  const args = [toolPath('verdaccio'), '--config', configFile, '--listen', `127.0.0.1:${port}`];
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = () => child.kill('SIGKILL');
  process.once('exit', stop);
  /** @type {Buffer[]} */
  const log = [];
  child.stdout.on('data', (chunk) => log.push(chunk));
  child.stderr.on('data', (chunk) => log.push(chunk));
  const url = `http://127.0.0.1:${port}/`;
  if (!(await answers(url, child)))
    throw new TaskFailure(`${Buffer.concat(log)}\nThe registry did not start.`);
  return { url, stop };
}

/**
 * @param {string} folder
 * @param {string} upstream
 */
function configuration(folder, upstream) {
  const own = { access: '$all', publish: '$all' };
  return {
    storage: path.join(folder, 'storage'),
    auth: { htpasswd: { file: path.join(folder, 'htpasswd'), max_users: -1 } },
    uplinks: { upstream: { url: upstream, cache: false, timeout: '120s' } },
    packages: { '@cachequant/*': own, cachequant: own, '**': { access: '$all', proxy: 'upstream' } },
    web: { enable: false },
    max_body_size: '200mb',
    log: { type: 'stdout', format: 'pretty', level: 'warn' },
  };
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

/**
 * @param {string} url
 * @param {import('node:child_process').ChildProcess} child
 */
async function answers(url, child) {
  const deadline = performance.now() + startTimeoutMs;
  while (child.exitCode === null && performance.now() < deadline) {
    const response = await fetch(`${url}-/ping`).catch(() => undefined);
    if (response?.ok) return true;
    await delay(200);
  }
  return false;
}
