import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readManifest } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { readText } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SMALL_RUN } from './__fixtures__/optimized-model.js';
import type { OptimizeOptions } from './recipe.js';

/** The compiled packages in a process of their own; tells the id of every stage as it begins. */
const PROGRAM = `
  import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
  import { optimize, parseDecisionRecord } from '@cachequant/optimizer';
  const [source, folder, options, held, plan] = process.argv.slice(1);
  const runtime = await createNodeRuntime({ threads: 1 });
  await optimize({
    source: nodeStorage(source),
    work: nodeStorage(folder + '/work'),
    out: nodeStorage(folder + '/out'),
    runtime,
    options: JSON.parse(options),
    ...(plan && { plan: parseDecisionRecord(plan) }),
    onStage: ({ id }, reused) => {
      console.log(reused ? 'reused' : 'began', id);
      if (id === held) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);
    },
  });
  await runtime.dispose();
`;
const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const MODEL = fileURLToPath(new URL('../../../models/fashion-sd', import.meta.url));
const OPTIONS = { ...SMALL_RUN, steps: 4 };
/** A stage is killed in its middle; a short one is held at its beginning, so that the kill does not miss it. */
const SHORT_STAGE_MS = 400;

const TIMEOUT = { timeout: 900_000 };
/** Minutes, for every stage is begun twice. */
const FULL = { timeout: 1_800_000, tags: 'full' };

interface Attempt {
  readonly began: readonly string[];
  readonly reused: readonly string[];
  readonly killed: boolean;
  /** When each stage began, in milliseconds from any origin. */
  readonly times: ReadonlyMap<string, number>;
}

/** Runs the program, and kills it some time after it has begun a stage. */
function attempt(
  folder: string,
  options: OptimizeOptions,
  { killIn, plan = '' }: { killIn?: { stage: string; afterMs: number }; plan?: string } = {},
): Promise<Attempt> {
  const held = killIn && killIn.afterMs < SHORT_STAGE_MS / 2 ? killIn.stage : '';
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', PROGRAM, MODEL, folder, JSON.stringify(options), held, plan],
    {
      cwd: PACKAGE,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const times = new Map<string, number>();
  const began: string[] = [];
  const reused: string[] = [];
  let errors = '';
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [state, name = ''] = line.split(' ');
      (state === 'reused' ? reused : began).push(name);
      times.set(name, performance.now());
      if (state === 'began' && name === killIn?.stage)
        setTimeout(() => child.kill('SIGKILL'), killIn.afterMs);
    }
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  return new Promise((resolve, reject) => {
    child.on('exit', (code, signal) => {
      times.set('end', performance.now());
      if (code === 0 || signal === 'SIGKILL') resolve({ began, reused, killed: signal === 'SIGKILL', times });
      else reject(new Error(errors));
    });
  });
}

describe('optimize in a process that is killed', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cachequant-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('goes on where it was, from every fifth stage, and makes the same bundle', TIMEOUT, async () => {
    await killAtStages('some', OPTIONS, 5);
  });

  it(
    'goes on where it was, from every stage, measuring layers, and makes the same bundle',
    FULL,
    async () => {
      await killAtStages('all', { ...OPTIONS, layers: 'measured' }, 1);
    },
  );

  async function killAtStages(name: string, options: OptimizeOptions, every: number): Promise<void> {
    const undisturbed = await attempt(join(folder, name, 'undisturbed'), options);
    expect(undisturbed.reused).toEqual([]);
    const stages = undisturbed.began;
    expect(stages).toContain('observe');
    expect(stages.at(-1)).toBe('bundle');

    const disturbed = join(folder, name, 'disturbed');
    let before = 0;
    for (const [i, stage] of stages.entries()) {
      // The last one always: it writes the bundle.
      if ((stages.length - 1 - i) % every !== 0) continue;
      const length = undisturbed.times.get(stages[i + 1] ?? 'end')! - undisturbed.times.get(stage)!;
      const { began, reused, killed } = await attempt(disturbed, options, {
        killIn: { stage, afterMs: length * 0.4 },
      });
      expect(killed).toBe(true);
      expect(began).toContain(stage);
      expect(reused).toEqual(stages.slice(0, reused.length));
      expect(reused.length).toBeGreaterThanOrEqual(before);
      before = i;
      const finished = await nodeStorage(join(disturbed, 'out')).stat('cachequant.json');
      if (stage !== 'bundle') expect(finished).toBeUndefined();
    }
    const last = await attempt(disturbed, options);
    expect(last.reused).toEqual(stages.slice(0, -1));
    // Which layers are slower in integers was measured, and may differ: with the same plan, nothing does.
    const plan = await readText(nodeStorage(join(disturbed, 'out')), 'plan.json');
    const planned = join(folder, name, 'planned');
    await attempt(planned, options, { plan });
    expect(await denoiserHashes(disturbed)).toEqual(await denoiserHashes(planned));
  }
});

async function denoiserHashes(folder: string): Promise<Record<string, unknown>> {
  const { files } = await readManifest(nodeStorage(join(folder, 'out')));
  return Object.fromEntries(Object.entries(files).filter(([path]) => path.startsWith('denoiser/')));
}
