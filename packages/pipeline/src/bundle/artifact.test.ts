import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { loadArtifact, saveArtifact } from './artifact.js';

const PATH = 'stages/x';

describe('saveArtifact and loadArtifact', () => {
  it('give back typed arrays wherever they are, and what lies between them', async () => {
    const storage = memoryStorage();
    const value = {
      array: Float32Array.of(1.5, -0.25, Number.NaN),
      nested: [{ deep: { bytes: Uint8Array.of(1, 2, 3) } }, 'text', null, true],
      numbers: [1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e-300],
      wide: [Float64Array.of(Math.PI), BigInt64Array.of(-1n, 2n ** 62n)],
      others: [Int8Array.of(-1), Int32Array.of(-5), Uint32Array.of(2 ** 32 - 1)],
    };
    await saveArtifact(storage, PATH, value);
    expect(await loadArtifact(storage, PATH)).toEqual(value);
  });

  it('give back empty arrays, and values without any', async () => {
    const storage = memoryStorage();
    const value = { empty: new Float64Array(0), full: Float64Array.of(7), last: new Uint8Array(0) };
    await saveArtifact(storage, PATH, value);
    expect(await loadArtifact(storage, PATH)).toEqual(value);
    await saveArtifact(storage, PATH, { value: {} });
    expect(await loadArtifact(storage, PATH)).toEqual({ value: {} });
  });

  it('save the part of a buffer that a view shows', async () => {
    const storage = memoryStorage();
    const view = Float32Array.of(0, 1, 2, 3).subarray(1, 3);
    await saveArtifact(storage, PATH, view);
    expect(await loadArtifact(storage, PATH)).toEqual(Float32Array.of(1, 2));
  });

  it('find nothing where nothing was saved', async () => {
    expect(await loadArtifact(memoryStorage(), PATH)).toBeUndefined();
  });

  it('find nothing after a save that was interrupted before its JSON', async () => {
    const storage = memoryStorage();
    await saveArtifact(storage, PATH, { old: Float32Array.of(1) });
    storage.setFaults({ failAfterBytes: 16 });
    const saving = saveArtifact(storage, PATH, { young: Float32Array.of(2, 3) });
    await expect(saving).rejects.toMatchObject({ code: 'storage' });
    expect(await loadArtifact(storage, PATH)).toBeUndefined();
  });

  it.each([
    ['altered arrays', '.bin', (bytes: Uint8Array) => bytes.map((byte, at) => (at === 3 ? byte ^ 1 : byte))],
    ['arrays cut short', '.bin', (bytes: Uint8Array) => bytes.subarray(0, 4)],
    ['JSON cut short', '.json', (bytes: Uint8Array) => bytes.subarray(0, -3)],
  ])('refuse %s', async (_title, ending, damage) => {
    const storage = memoryStorage();
    await saveArtifact(storage, PATH, { array: Float32Array.of(1, 2, 3) });
    await writeFile(storage, PATH + ending, damage(await storage.read(PATH + ending)));
    const loading = loadArtifact(storage, PATH);
    await expect(loading).rejects.toMatchObject({ code: 'storage', where: expect.stringContaining(PATH) });
    await expect(loading).rejects.toThrow('damaged');
  });

  it('refuse a structure that is nested too deep', async () => {
    const storage = memoryStorage();
    await saveArtifact(storage, PATH, {});
    await writeFile(storage, `${PATH}.json`, `{"sha256":"","value":${'['.repeat(1e6)}`);
    await expect(loadArtifact(storage, PATH)).rejects.toMatchObject({
      code: 'storage',
      cause: expect.objectContaining({ message: expect.stringContaining('nested too deep') }),
    });
  });

  it('refuse kinds of arrays that would not come back', async () => {
    const saving = saveArtifact(memoryStorage(), PATH, { array: new Uint16Array(2) });
    await expect(saving).rejects.toMatchObject({ code: 'internal', got: 'Uint16Array' });
  });
});
