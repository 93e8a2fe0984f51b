import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { parseJson } from '@cachequant/tensor';
import { z } from 'zod';
import { type HubFile, isSafePath } from './repository-files.js';

/**
 * The folder of one model in the cache, laid out as Python's huggingface_hub has it:
 * `blobs/<hash>`, `refs/<branch>` with a commit in it, and `snapshots/<commit>/<path>` linked to blobs.
 *
 * All files of a commit are listed in `cachequant/<commit>.json`, in the form of huggingface_hub's own
 * `trees/<commit>.json`, which is read too. It is not written: offline, huggingface_hub would miss the files that a
 * pipeline does not need.
 */
export class ModelCache {
  readonly folder: string;

  constructor(cache: string, id: string) {
    this.folder = join(cache, `models--${id.replaceAll('/', '--')}`);
  }

  blob(hash: string): string {
    return join(this.folder, 'blobs', hash);
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  async commitOf(revision: string): Promise<string | undefined> {
    const text = await readFile(join(this.folder, 'refs', revision), 'utf8').catch(() => undefined);
    return text?.trim();
  }

  async setCommit(revision: string, commit: string): Promise<void> {
    await writeWhole(join(this.folder, 'refs', revision), commit);
  }

  /** The files of a commit as they were listed before; these never change. */
  async readTree(commit: string): Promise<HubFile[] | undefined> {
    for (const folder of [OWN_TREES, 'trees']) {
      const text = await readFile(this.#tree(folder, commit), 'utf8').catch(() => undefined);
      const tree = text === undefined ? undefined : parseTree(text);
      if (tree !== undefined) return tree;
    }
    return undefined;
  }

  async writeTree(commit: string, files: readonly HubFile[]): Promise<void> {
    const entries = files.map(({ path, size, hash, sha256, blobId }) => [
      path,
      { size, blob_id: blobId, ...(sha256 ? { lfs_sha256: hash, lfs_size: size } : {}) },
    ]);
    const tree = { format_version: TREE_VERSION, files: Object.fromEntries(entries) };
    await writeWhole(this.#tree(OWN_TREES, commit), JSON.stringify(tree, undefined, 2));
  }

  /** What is there of a commit, where its files were never listed: older versions of huggingface_hub do not. */
  async listSnapshot(commit: string): Promise<HubFile[] | undefined> {
    const folder = this.snapshot(commit);
    const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => undefined);
    const places = found?.map(({ parentPath, name }) => join(parentPath, name)) ?? [];
    const files: HubFile[] = [];
    for (const place of places) {
      const info = await stat(place).catch(() => undefined);
      const path = relative(folder, place).split(sep).join('/');
      if (info?.isFile()) files.push({ path, size: info.size, hash: '', sha256: false, blobId: '' });
    }
    return files.length === 0 ? undefined : files;
  }

  /** Whether a file of a commit is there, whole. */
  async has(commit: string, file: HubFile): Promise<boolean> {
    const found = await stat(join(this.snapshot(commit), ...file.path.split('/'))).catch(() => undefined);
    return found?.isFile() === true && found.size === file.size;
  }

  /** Makes a blob visible under its name in a commit. */
  async link(commit: string, file: HubFile): Promise<void> {
    const place = join(this.snapshot(commit), ...file.path.split('/'));
    const blob = this.blob(file.hash);
    await mkdir(dirname(place), { recursive: true });
    const temporary = `${place}.${randomUUID()}.link`;
    try {
      await symlink(relative(dirname(place), blob), temporary);
    } catch {
      // Windows without the right to make links; Python copies there, too.
      await copyFile(blob, temporary);
    }
    await rename(temporary, place);
  }

  #tree(folder: string, commit: string): string {
    return join(this.folder, folder, `${commit}.json`);
  }
}

const OWN_TREES = 'cachequant';
const TREE_VERSION = 1;

const SIZE = z.number().int().nonnegative();
const TREE = z.object({
  format_version: z.literal(TREE_VERSION),
  files: z.record(
    z.string().refine(isSafePath),
    z.object({
      size: SIZE,
      blob_id: z.string().regex(/^[0-9a-f]{40}$/),
      lfs_sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .nullish(),
      lfs_size: SIZE.nullish(),
    }),
  ),
});

/** @returns undefined for what another version wrote, or what is damaged: it is listed again */
function parseTree(text: string): HubFile[] | undefined {
  const { data } = TREE.safeParse(parsedOrNothing(text));
  if (data === undefined) return undefined;
  return Object.entries(data.files).map(([path, { size, blob_id, lfs_sha256, lfs_size }]) => ({
    path,
    size: lfs_size ?? size,
    hash: lfs_sha256 ?? blob_id,
    sha256: lfs_sha256 != null,
    blobId: blob_id,
  }));
}

function parsedOrNothing(text: string): unknown {
  try {
    return parseJson(text, 'tree');
  } catch {
    return undefined;
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  await writeFile(temporary, text);
  await rename(temporary, path);
}
