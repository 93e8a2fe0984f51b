// @ts-check
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** What tests say that could not run. */
export const missingServer = 'no valkey-server or redis-server: install one (apt-get install redis-server)';

/**
 * Valkey's or Redis' server on this machine.
 *
 * @returns {string | undefined} undefined where there is none
 */
export function findServer() {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  return ['valkey-server', 'redis-server']
    .flatMap((name) => folders.map((folder) => path.join(folder, name)))
    .find((place) => existsSync(place));
}

/**
 * @typedef {object} RedisServer
 * @property {string} address as in redis://127.0.0.1:1234
 * @property {() => import('node:child_process').ChildProcess} process
 * @property {() => Promise<void>} kill as kill -9 does
 * @property {(options?: { forget?: boolean }) => Promise<void>} restart kills it, and starts it at the same port; with
 * `forget`, without what it had
 * @property {() => Promise<void>} stop kills it and removes its files
 */

/**
 * Starts a server on a free port that writes every change to disk before it answers.
 *
 * @param {{ host?: string, within?: readonly string[] }} [options] `within`: a command to run it by
 * @returns {Promise<RedisServer>}
 */
export async function startRedis({ host = '127.0.0.1', within = [] } = {}) {
  const program = findServer();
  if (program === undefined) throw new Error(missingServer);
  const port = await freePort();
  const folder = mkdtempSync(path.join(tmpdir(), 'cachequant-redis-'));
  const command = [
    ...within,
    ...[
      program,
      '--port',
      String(port),
      '--bind',
      host,
      '--protected-mode',
      'no',
      '--dir',
      folder,
      '--save',
      '',
    ],
    ...['--appendonly', 'yes', '--appendfsync', 'always', '--loglevel', 'warning'],
  ];
  /** @type {import('node:child_process').ChildProcess} */
  let child;
  const start = async () => {
    child = spawn(command[0] ?? '', command.slice(1), { stdio: 'ignore' });
    const { promise, resolve } = gate();
    child.once('exit', resolve);
    while (!(await answers(host, port))) {
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
      await Promise.race([promise, new Promise((soon) => setTimeout(soon, 20))]);
    }
  };
  const kill = () =>
    /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once('exit', () => resolve());
        child.kill('SIGKILL');
      })
    );
  await start();
  return {
    address: `redis://${host}:${port}`,
    process: () => child,
    kill,
    async restart({ forget = false } = {}) {
      await kill();
      if (forget) rmSync(path.join(folder, 'appendonlydir'), { recursive: true, force: true });
      await start();
    },
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * @param {string} host
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function answers(host, port) {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => socket.write('PING\r\n'));
    socket.once('data', (bytes) => {
      socket.destroy();
      // While it reads its files it says so in place of an answer.
      resolve(bytes.toString().startsWith('+PONG'));
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    socket.setTimeout(1000, () => {
      socket.destroy();
      resolve(false);
    });
  });
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function gate() {
  let resolve = () => {};
  const promise = /** @type {Promise<void>} */ (
    new Promise((done) => {
      resolve = () => done();
    })
  );
  return { promise, resolve: () => resolve() };
}
