import { type BundleManifest, MANIFEST, openBundle } from '@cachequant/pipeline';
import { FORMAT_VERSION, hashText, sealManifest } from '@cachequant/pipeline/internals';
import { type OwnedStorage, readText, type Storage, storageFolder, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { removeBundle, replaceBundle, requireBundlePlace, startBundle } from './bundle-place.js';

async function folder(files: Readonly<Record<string, string>>) {
  const storage = memoryStorage();
  for (const [path, content] of Object.entries(files)) await writeFile(storage, path, content);
  return storage;
}

const BUNDLE = {
  'cachequant.json': JSON.stringify({ formatVersion: 1, files: { 'denoiser/full.onnx': {} } }),
  'denoiser/full.onnx': 'x',
  'report.html': 'x',
};

describe('the place of a bundle', () => {
  it('is emptied of a bundle, and of one that was not finished', async () => {
    const out = await folder(BUNDLE);
    const owned = await startBundle(out);
    expect(await out.list()).toEqual(['unfinished-bundle']);
    await writeFile(owned, 'vae_decoder/model.onnx', 'half');
    await startBundle(out);
    expect(await out.list()).toEqual(['unfinished-bundle']);
    expect(await removeBundle(out)).toEqual([]);
    expect(await out.list()).toEqual([]);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['a folder with other files', {}],
    ['a bundle that somebody has put a file into', BUNDLE],
    ['an unfinished bundle that somebody has put a file into', { 'unfinished-bundle': '"x"\n' }],
    ['a manifest that is none', { 'cachequant.json': '{"files":{"thesis.txt":{}}}' }],
  ])('is refused where there is %s, which stays', async (_, files) => {
    const out = await folder({ ...files, 'thesis.txt': 'years of work' });
    const before = await out.list();
    for (const taking of [requireBundlePlace, startBundle]) {
      await expect(taking(out)).rejects.toMatchObject({ code: 'storage' });
      expect(await out.list()).toEqual(before);
    }
  });

  it('loses nothing but the bundle when that is removed', async () => {
    const out = await folder({ ...BUNDLE, 'thesis.txt': 'years of work' });
    expect(await removeBundle(out)).toEqual(['thesis.txt']);
    expect(await out.list()).toEqual(['thesis.txt']);
  });
});

const GRAPH = { file: 'denoiser/full.onnx', inputs: {}, outputs: {} };

/** Writes a bundle as `optimize` does: files, card, manifest, a check, and the end of the list. */
const bundleOf = (name: string, files: Readonly<Record<string, string>>) => async (place: OwnedStorage) => {
  for (const [path, content] of Object.entries(files)) await writeFile(place, path, content);
  await writeFile(place, 'README.md', `card of ${name}`);
  const listed = Object.entries(files).map(([path, content]) => [
    path,
    { bytes: content.length, sha256: hashText(content) },
  ]);
  const manifest = {
    formatVersion: FORMAT_VERSION,
    createdBy: name,
    createdAt: '',
    source: { name, fingerprint: '', denoiserBytes: 1 },
    cut: { id: '', kind: '', cachedShare: 0, dims: [] },
    denoiser: { full: GRAPH, cached: GRAPH, batch: 1 },
    sampler: { name: '', steps: 1, calls: 1 },
    guidanceScale: 1,
    latentDims: [1, 1, 1],
    schedule: { kind: '', interval: 1, refreshCalls: [0] },
    corrections: { cache: 'none', anchors: 1, quantization: false },
    bits: { weights: 8, activations: 8, target: 'portable' },
    layers: [],
    files: Object.fromEntries(listed),
  } as unknown as BundleManifest;
  await writeFile(place, MANIFEST, sealManifest(manifest));
  const bundle = await openBundle(place);
  await place.remove('unfinished-bundle');
  return bundle.manifest;
};

const OLD = bundleOf('old', { 'denoiser/full.onnx': 'old graph', 'old_part/x': 'x', same: 'old' });
const NEW = bundleOf('new', { 'denoiser/full.onnx': 'new', 'denoiser/weights.bin': 'w', same: 'new' });
const NEW_FILES = ['README.md', 'cachequant.json', 'denoiser/full.onnx', 'denoiser/weights.bin', 'same'];

/** A storage in which the nth change fails; `forever`, so do all later ones, as after the end of the process. */
function failingAt(
  storage: Storage,
  change: number,
  forever: boolean,
): Storage & { readonly changes: number } {
  let changes = 0;
  const counted = () => {
    const now = changes++;
    if (forever ? now >= change : now === change) throw new Error(`change ${now} fails`);
  };
  return {
    ...storage,
    get changes() {
      return changes;
    },
    async remove(path) {
      counted();
      await storage.remove(path);
    },
    async create(path) {
      counted();
      const writer = await storage.create(path);
      return {
        async write(chunk) {
          counted();
          await writer.write(chunk);
        },
        async commit() {
          counted();
          await writer.commit();
        },
        abort: () => writer.abort(),
      };
    },
  };
}

async function withOld(): Promise<Storage> {
  const out = memoryStorage();
  await replaceBundle(out, OLD);
  return out;
}

describe('replaceBundle', () => {
  it('puts a bundle in the place of another, of which nothing stays', async () => {
    const out = await withOld();
    expect((await replaceBundle(out, NEW)).createdBy).toBe('new');
    expect(await out.list()).toEqual(NEW_FILES);
    expect(await readText(out, 'README.md')).toBe('card of new');
  });

  it('leaves the older bundle whole while the new one is written, and where that fails', async () => {
    const out = await withOld();
    const before = await out.list();
    const failing = replaceBundle(out, async (place) => {
      await NEW(place);
      expect((await openBundle(out)).manifest.createdBy).toBe('old');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await out.list()).toEqual(before);
  });

  it('takes away what a process that was killed has left under next-bundle', async () => {
    const out = await withOld();
    const next = await startBundle(storageFolder(out, 'next-bundle'));
    await writeFile(next, 'half', 'x');
    expect((await openBundle(out)).manifest.createdBy).toBe('old');
    await replaceBundle(out, NEW);
    expect(await out.list()).toEqual(NEW_FILES);
  });

  it.each([
    ['fails', false],
    ['is the last before the process ends', true],
  ])('leaves one whole bundle whichever change %s, and works later', async (_, forever) => {
    const seen = new Set<string>();
    let change = 0;
    for (; ; change++) {
      const out = await withOld();
      const failing = failingAt(out, change, forever);
      const failed = await replaceBundle(failing, NEW).then(
        () => false,
        () => true,
      );
      const { manifest, storage } = await openBundle(out);
      for (const path of Object.keys(manifest.files)) await storage.read(path);
      seen.add(`${failed ? 'failed' : 'done'}: ${manifest.createdBy}`);
      expect((await replaceBundle(out, NEW)).createdBy).toBe('new');
      expect(await out.list()).toEqual(NEW_FILES);
      if (failing.changes <= change) break;
    }
    expect(change).toBeGreaterThan(60);
    expect([...seen].sort()).toEqual(['done: new', 'failed: new', 'failed: old']);
  });

  it('keeps the bundle of a replacement that was cut short until the next one is whole', async () => {
    const out = await withOld();
    // Everything up to the removal of the older manifest.
    let cut: Storage | undefined;
    for (let change = 0; cut === undefined; change++) {
      const tried = await withOld();
      await replaceBundle(failingAt(tried, change, true), NEW).catch(() => undefined);
      if (!(await tried.stat(MANIFEST))) cut = tried;
    }
    expect((await openBundle(cut)).manifest.createdBy).toBe('new');
    await expect(
      replaceBundle(cut, async () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect((await openBundle(cut)).manifest.createdBy).toBe('new');
    await replaceBundle(cut, OLD);
    expect(await cut.list()).toEqual(await out.list());
  });

  it('keeps files of others in next-bundle, by refusing', async () => {
    const out = await withOld();
    await writeFile(out, 'next-bundle/thesis.txt', 'years of work');
    await expect(replaceBundle(out, NEW)).rejects.toMatchObject({ code: 'storage' });
    expect(await readText(out, 'next-bundle/thesis.txt')).toBe('years of work');
    expect(await removeBundle(out)).toEqual(['next-bundle/thesis.txt']);
  });
});
