import { type Storage, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { ownWork } from './own-work.js';
import { openStages as openOwnStages, type StageOptions, type StageProgress } from './stage-runner.js';

const openStages = async (work: Storage, fingerprint: string, options: StageOptions) =>
  openOwnStages(await ownWork(work), fingerprint, options);

const ONE = { kind: 'experiment', name: 'one' } as const;
const TWO = { kind: 'experiment', name: 'two' } as const;

describe('openStages', () => {
  it('runs a stage once, and reads it back in later attempts', async () => {
    const work = memoryStorage();
    const seen: [string, boolean][] = [];
    let runs = 0;
    const run = async () => ({ values: Float64Array.of(++runs, Number.POSITIVE_INFINITY) });
    for (let attempt = 0; attempt < 3; attempt++) {
      const runner = await openStages(work, 'a', { onStage: ({ id }, reused) => seen.push([id, reused]) });
      expect(await runner.stage(ONE, run)).toEqual({ values: Float64Array.of(1, Infinity) });
      expect(runner.reused).toEqual(attempt === 0 ? [] : ['one']);
    }
    expect(runs).toBe(1);
    expect(seen).toEqual([
      ['one', false],
      ['one', true],
      ['one', true],
    ]);
  });

  it('runs a stage again that failed, and keeps those before it', async () => {
    const work = memoryStorage();
    const first = await openStages(work, 'a', {});
    await first.stage(ONE, async () => 1);
    const failing = first.stage(TWO, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    const second = await openStages(work, 'a', {});
    expect(await second.stage(ONE, async () => 100)).toBe(1);
    expect(await second.stage(TWO, async () => 2)).toBe(2);
    expect(second.reused).toEqual(['one']);
  });

  it('empties a folder that belongs to another fingerprint of what runs have written, and of nothing else', async () => {
    const work = memoryStorage();
    await (await openStages(work, 'a', {})).stage(ONE, async () => 1);
    await writeFile(await ownWork(work), 'float/full.onnx', 'graph');
    await writeFile(work, 'notes.txt', 'of a person');
    const other = await openStages(work, 'b', {});
    expect(await work.list()).toEqual(['fingerprint.txt', 'notes.txt', 'written.txt']);
    expect(await other.stage(ONE, async () => 2)).toBe(2);
  });

  it('does not take over a stage that another run has saved, nor save into a folder that is another’s', async () => {
    const work = memoryStorage();
    const first = await openStages(work, 'a', {});
    await first.stage(ONE, async () => 'of a');
    // A run that keeps to no lock.
    await writeFile(work, 'fingerprint.txt', 'b');
    const second = await openStages(work, 'b', {});
    expect(await second.stage(ONE, async () => 'of b')).toBe('of b');
    expect(second.reused).toEqual([]);
    await expect(first.stage(TWO, async () => 'of a')).rejects.toMatchObject({
      code: 'storage',
      where: 'fingerprint.txt',
    });
  });

  it('starts over after a folder was emptied halfway', async () => {
    const work = memoryStorage();
    await (await openStages(work, 'a', {})).stage(ONE, async () => 1);
    const halfway = { ...work, remove: () => Promise.reject(new Error('killed')) };
    await expect(openStages(halfway, 'b', {})).rejects.toThrow('killed');
    expect(await (await openStages(work, 'a', {})).stage(ONE, async () => 3)).toBe(3);
  });

  it('leaves a folder alone that holds something else', async () => {
    const work = memoryStorage();
    await writeFile(work, 'thesis.txt', 'years of work');
    const opening = openStages(work, 'a', {});
    await expect(opening).rejects.toMatchObject({ code: 'storage', where: 'thesis.txt' });
    expect(await work.list()).toEqual(['thesis.txt']);
  });

  it('says of progress which stage it is, and nothing outside of one', async () => {
    const seen: StageProgress[] = [];
    const runner = await openStages(memoryStorage(), 'a', { onProgress: (progress) => seen.push(progress) });
    runner.progress(0, 1);
    await runner.stage({ kind: 'observe' }, async () => runner.progress(1, 2));
    const failing = runner.stage({ kind: 'cut' }, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    runner.progress(0, 1);
    await runner.unsaved({ kind: 'bundle' }, async () => runner.progress(3, 4));
    expect(seen.map(({ stage, done, total }) => [stage.label, done, total])).toEqual([
      ['observe the float model', 1, 2],
      ['write the bundle', 3, 4],
    ]);
  });

  it('runs an unsaved stage at every attempt, and none after the signal', async () => {
    const work = memoryStorage();
    const seen: [string, boolean][] = [];
    const controller = new AbortController();
    let runs = 0;
    for (let attempt = 0; attempt < 2; attempt++) {
      const runner = await openStages(work, 'a', {
        signal: controller.signal,
        onStage: ({ id }, reused) => seen.push([id, reused]),
      });
      expect(await runner.unsaved({ kind: 'bundle' }, async () => ++runs)).toBe(attempt + 1);
      expect(runner.reused).toEqual([]);
    }
    expect(await work.list()).toEqual(['fingerprint.txt', 'written.txt']);
    expect(seen).toEqual([
      ['bundle', false],
      ['bundle', false],
    ]);
    const last = await openStages(work, 'a', {
      signal: controller.signal,
      onStage: () => controller.abort(),
    });
    await expect(last.unsaved({ kind: 'bundle' }, async () => ++runs)).rejects.toMatchObject({
      code: 'aborted',
    });
    expect(runs).toBe(2);
  });

  it('does not save what is not to be trusted', async () => {
    const work = memoryStorage();
    const changed = { beforeSave: () => Promise.reject(new Error('changed')) };
    await expect((await openStages(work, 'a', changed)).stage(ONE, async () => 1)).rejects.toThrow('changed');
    expect(await (await openStages(work, 'a', {})).stage(ONE, async () => 2)).toBe(2);
  });

  it('stops between stages', async () => {
    const work = memoryStorage();
    const controller = new AbortController();
    const runner = await openStages(work, 'a', { signal: controller.signal });
    await runner.stage(ONE, async () => controller.abort());
    let ran = false;
    const stopped = runner.stage(TWO, async () => {
      ran = true;
    });
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
    expect(ran).toBe(false);
    const again = await openStages(work, 'a', {});
    await again.stage(ONE, () => Promise.reject(new Error('ran twice')));
    expect(again.reused).toEqual(['one']);
  });
});
