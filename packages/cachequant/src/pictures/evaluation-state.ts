import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { EvaluationSnapshot } from '@cachequant/evaluate';
import { hashFile } from '@cachequant/pipeline/internals';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, parseJson, readText, writeFile } from '@cachequant/tensor';

/** What a stopped evaluation goes on from: a file beside its result. */
export interface EvaluationState {
  /** Name of the result's file. */
  readonly name: string;
  /** undefined when there is nothing to go on from, or it was made of something else. */
  load(): Promise<EvaluationSnapshot | undefined>;
  save(snapshot: EvaluationSnapshot): Promise<void>;
  remove(): Promise<void>;
}

/** @param made everything that the measures depend on; files count by size and time of change */
export async function evaluationState(
  out: string,
  made: { readonly folders: readonly string[]; readonly options: Readonly<Record<string, unknown>> },
): Promise<EvaluationState> {
  const storage = nodeStorage(dirname(out));
  const name = basename(out);
  const file = `${name}.partial`;
  const fingerprint = fingerprintOf([made.options, await Promise.all(made.folders.map(describeFolder))]);
  return {
    name,
    async load() {
      if (!(await storage.stat(file))) return undefined;
      const saved = parse(await readText(storage, file));
      if (typeof saved?.fingerprint !== 'string') throw notOurs(join(dirname(out), file));
      return saved.fingerprint === fingerprint ? saved.snapshot : undefined;
    },
    save: (snapshot) => writeFile(storage, file, JSON.stringify({ fingerprint, snapshot })),
    remove: () => storage.remove(file),
  };
}

/** The same for shards, wherever they run: files count by their content. */
export async function evaluationFingerprint(
  folders: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<string> {
  return fingerprintOf([options, await Promise.all(folders.map(contentOf))]);
}

function fingerprintOf(made: unknown): string {
  return createHash('sha256').update(JSON.stringify(made)).digest('hex');
}

interface Saved {
  readonly fingerprint: string;
  readonly snapshot: EvaluationSnapshot;
}

/** The file would be replaced, and removed at the end. */
function notOurs(where: string): CacheQuantError {
  return new CacheQuantError('storage', 'the file is not one that an evaluation has left there', {
    where,
    hint: 'Nothing was changed. Give the result another name with --out, or move the file',
  });
}

function parse(text: string): Saved | null | undefined {
  try {
    return parseJson(text, 'evaluation') as Saved | null;
  } catch {
    return undefined;
  }
}

/** A folder, or a file of weights. */
async function describeFolder(folder: string): Promise<unknown> {
  const found = await stat(folder);
  if (found.isFile()) return [folder, found.size, found.mtimeMs];
  const files = (await readdir(folder, { recursive: true })).sort();
  return Promise.all(
    files.map(async (file) => {
      const { size, mtimeMs } = await stat(join(folder, file));
      return [file, size, mtimeMs];
    }),
  );
}

/** Hashes of a folder's files, or of a file. */
async function contentOf(folder: string): Promise<unknown> {
  if ((await stat(folder)).isFile()) return hashFile(nodeStorage(dirname(folder)), basename(folder));
  const storage = nodeStorage(folder);
  const files = (await storage.list()).sort();
  return Promise.all(files.map(async (file) => [file, await hashFile(storage, file)]));
}
