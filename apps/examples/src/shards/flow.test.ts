import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { findServer, missingServer, startRedis } from '../../../../scripts/redis/redis-server.mjs';

const FLOW = fileURLToPath(new URL('../../dist/shards/flow.js', import.meta.url));

/** Stands for the command line: a shard leaves a file, merging reads them all; one of them fails when asked to. */
const STUB = `
const fs = require('fs');
const [fails, ...argv] = process.argv.slice(2);
const shard = argv[argv.indexOf('--shard') + 1];
if (shard === fails) { console.error('no room for ' + shard); process.exit(3); }
if (argv.includes('--merge')) {
  const found = fs.readdirSync('.').filter((name) => name.startsWith('shard-'));
  fs.writeFileSync('merged', found.sort().join());
} else fs.writeFileSync('shard-' + shard.replace('/', '-of-'), argv.join(' '));
`;

async function setUp(fails: string) {
  const folder = await mkdtemp(path.join(tmpdir(), 'cachequant-flow-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  await writeFile(path.join(folder, 'stub.cjs'), STUB);
  const env = {
    ...process.env,
    CACHEQUANT_QUEUE: redis.address,
    CACHEQUANT: `${process.execPath} stub.cjs ${fails}`,
  };
  const start = (...argv: string[]): ChildProcess =>
    spawn(process.execPath, [FLOW, ...argv], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const run = async (...argv: string[]) => {
    const child = start(...argv);
    let printed = '';
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (printed += text));
    const code = await new Promise((resolve) => child.once('close', resolve));
    return { code, printed };
  };
  for (let i = 0; i < 2; i++) {
    const worker = start('worker');
    onTestFinished(() => void worker.kill('SIGKILL'));
  }
  return { folder, run };
}

test.for([
  ['runs every shard and merges when all are done', '', { code: 0, printed: /merged 3 shards/ }],
  ['merges nothing when a shard fails, and says why', '2/3', { code: 1, printed: /no room for 2\/3|failed/ }],
] as const)('shards/flow.ts %s', { timeout: 120_000 }, async ([, fails, expected], context) => {
  if (findServer() === undefined && !process.env.CI) return context.skip(missingServer);
  if (!existsSync(FLOW)) return context.skip('not built: npm run build');
  const { folder, run } = await setUp(fails || 'none');
  const { code, printed } = await run('3', 'optimize', 'model', '--out', 'bundle');
  expect([code, printed]).toEqual([expected.code, expect.stringMatching(expected.printed)]);
  const left = (await readdir(folder)).filter((name) => name !== 'stub.cjs').sort();
  if (fails !== '') return expect(left).not.toContain('merged');
  const shards = [1, 2, 3].map((i) => `shard-${i}-of-3`);
  expect(left).toEqual(['merged', ...shards]);
  expect(await readFile(path.join(folder, 'merged'), 'utf8')).toBe(shards.join());
  expect(await readFile(path.join(folder, 'shard-2-of-3'), 'utf8')).toBe(
    'optimize model --out bundle --shard 2/3',
  );
});
