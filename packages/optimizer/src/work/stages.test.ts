import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { openStages } from './stages.js';

describe('openStages', () => {
  it('runs a stage once, and reads it back in later attempts', async () => {
    const work = memoryStorage();
    const seen: [string, boolean][] = [];
    let runs = 0;
    const run = async () => ({ values: Float64Array.of(++runs, Number.POSITIVE_INFINITY) });
    for (let attempt = 0; attempt < 3; attempt++) {
      const runner = await openStages(work, 'a', { onStage: (name, reused) => seen.push([name, reused]) });
      expect(await runner.stage('one', run)).toEqual({ values: Float64Array.of(1, Infinity) });
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
    await first.stage('one', async () => 1);
    const failing = first.stage('two', () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    const second = await openStages(work, 'a', {});
    expect(await second.stage('one', async () => 100)).toBe(1);
    expect(await second.stage('two', async () => 2)).toBe(2);
    expect(second.reused).toEqual(['one']);
  });

  it('empties a folder that belongs to another fingerprint', async () => {
    const work = memoryStorage();
    await (await openStages(work, 'a', {})).stage('one', async () => 1);
    await writeFile(work, 'float/full.onnx', 'graph');
    const other = await openStages(work, 'b', {});
    expect(await work.list()).toEqual(['fingerprint.txt']);
    expect(await other.stage('one', async () => 2)).toBe(2);
  });

  it('does not take over a stage that another run has saved, nor save into a folder that is another’s', async () => {
    const work = memoryStorage();
    const first = await openStages(work, 'a', {});
    await first.stage('one', async () => 'of a');
    // A run that keeps to no lock.
    await writeFile(work, 'fingerprint.txt', 'b');
    const second = await openStages(work, 'b', {});
    expect(await second.stage('one', async () => 'of b')).toBe('of b');
    expect(second.reused).toEqual([]);
    await expect(first.stage('two', async () => 'of a')).rejects.toMatchObject({
      code: 'storage',
      where: 'fingerprint.txt',
    });
  });

  it('starts anew after a folder was emptied halfway', async () => {
    const work = memoryStorage();
    await (await openStages(work, 'a', {})).stage('one', async () => 1);
    const halfway = { ...work, remove: () => Promise.reject(new Error('killed')) };
    await expect(openStages(halfway, 'b', {})).rejects.toThrow('killed');
    expect(await (await openStages(work, 'a', {})).stage('one', async () => 3)).toBe(3);
  });

  it('leaves a folder alone that holds something else', async () => {
    const work = memoryStorage();
    await writeFile(work, 'thesis.txt', 'years of work');
    const opening = openStages(work, 'a', {});
    await expect(opening).rejects.toMatchObject({ code: 'storage', where: 'thesis.txt' });
    expect(await work.list()).toEqual(['thesis.txt']);
  });

  it('stops between stages', async () => {
    const work = memoryStorage();
    const controller = new AbortController();
    const runner = await openStages(work, 'a', { signal: controller.signal });
    await runner.stage('one', async () => controller.abort());
    let ran = false;
    const stopped = runner.stage('two', async () => {
      ran = true;
    });
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
    expect(ran).toBe(false);
    const again = await openStages(work, 'a', {});
    await again.stage('one', () => Promise.reject(new Error('ran twice')));
    expect(again.reused).toEqual(['one']);
  });
});
