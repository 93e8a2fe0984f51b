import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CacheQuantError } from '@cachequant/tensor';
import { afterAll, expect, test } from 'vitest';
import { WorkerClient } from './worker-client.js';

const folder = await mkdtemp(join(tmpdir(), 'cachequant-test-'));
afterAll(() => rm(folder, { recursive: true }));
const wrap = (message: string) => new CacheQuantError('internal', message);

async function client(script: string): Promise<WorkerClient> {
  const path = join(folder, `${Math.random()}.mjs`);
  await writeFile(path, `import { parentPort } from 'node:worker_threads';\n${script}`);
  return new WorkerClient(path);
}

test.each([
  ['throws', `throw new Error('broken')`, /broken/],
  ['exits', 'process.exit(3)', /exit code 3/],
])('call of a worker that %s is rejected, and so is every later one', async (_, action, message) => {
  const worker = await client(`parentPort.on('message', () => { ${action}; });`);
  const calls = [1, 2].map(() => worker.call('start', { threads: 1 }, { wrap }));
  for (const outcome of await Promise.allSettled(calls)) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'runtime' } });
  }
  await expect(worker.call('start', { threads: 1 }, { wrap })).rejects.toThrow(message);
  expect(worker.ended).toBe(true);
});

test('call passes on what the worker answers, and wraps what it refuses', async () => {
  const worker = await client(`parentPort.on('message', (call) => parentPort.postMessage(
    call.request.threads > 1 ? { id: call.id, error: 'too many' } : { id: call.id, value: { version: 'x' } }));`);
  expect(await worker.call('start', { threads: 1 }, { wrap })).toEqual({ version: 'x' });
  await expect(worker.call('start', { threads: 2 }, { wrap })).rejects.toThrow('too many');
});

test.each([
  ['without dispose ends by itself', 'await session.run(feeds); console.log("end");'],
  [
    'that exits in the middle of a run ends cleanly',
    'session.run(feeds); session.run(feeds); setTimeout(() => { console.log("end"); process.exit(0); }, 20);',
  ],
  [
    'that disposes in the middle of a run ends cleanly',
    'session.run(feeds).catch(() => console.log("end")); setTimeout(() => runtime.dispose(), 20);',
  ],
])('a process %s', async (_, ending) => {
  const script = `
    import { createNodeRuntime } from '@cachequant/runtime-node';
    import { writeModel } from '@cachequant/tensor/testing';
    const square = { dtype: 'float32', dims: [512, 512] };
    const names = Array.from({ length: 40 }, (_, i) => 'x' + i);
    const nodes = names.slice(1).map((name, i) => ({ op: 'MatMul', inputs: [names[i], 'x0'], outputs: [name] }));
    const bytes = writeModel({ inputs: { x0: square }, outputs: { x39: square }, nodes });
    const runtime = await createNodeRuntime();
    const session = await runtime.load({ bytes });
    const feeds = { x0: { ...square, data: new Float32Array(512 * 512) } };
    ${ending}`;
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd,
  });
  expect(stdout).toBe('end\n');
});
