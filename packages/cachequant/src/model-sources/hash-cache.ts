import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { nodeStorage } from '@cachequant/runtime-node';
import { parseJson, readText, type Storage, writeFile } from '@cachequant/tensor';
import { z } from 'zod';

/** Hashes of files that have not changed since an earlier run. */
export interface HashCache {
  /** SHA-256 of a file of the storage, from the cache where it is the file that was hashed. */
  hash(storage: Storage, path: string, compute: () => Promise<string>): Promise<string>;
  /** Keeps what was hashed for later runs; where that fails, they hash again. */
  save(): Promise<void>;
}

/** Below this, hashing takes no time that anyone would notice. */
const LEAST_BYTES = 16 * 1024 * 1024;
/** As much as a file system with coarse times may leave two contents the same time. */
const SETTLED_AFTER_MS = 3_000;
/** Files that are remembered: those that were asked for last. */
const MOST_ENTRIES = 1_000;
const FILE = 'hashes.json';

const entriesSchema = z.record(
  z.string(),
  z.object({ version: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/), usedAt: z.number() }),
);

/**
 * Opens the hashes of large files that earlier runs have computed. A file is known by its place, its size, its times and
 * its inode: what has been written since, or was a moment ago, is hashed again.
 * @param folder where they are kept; the user's cache folder unless given
 */
export async function openHashCache(
  folder = cacheFolder(),
  { leastBytes = LEAST_BYTES, settledAfterMs = SETTLED_AFTER_MS, mostEntries = MOST_ENTRIES } = {},
): Promise<HashCache> {
  const storage = nodeStorage(folder);
  const entries = new Map(Object.entries(await readEntries(storage)));
  let isChanged = false;
  return {
    async hash(of, path, compute) {
      const place = of.locate?.(path);
      const before = place === undefined ? undefined : await describe(place);
      if (place === undefined || before === undefined || before.size < leastBytes) return compute();
      const known = entries.get(place);
      const isKnown = known?.version === before.version;
      const sha256 = isKnown ? known.sha256 : await compute();
      const after = await describe(place);
      if (after?.version !== before.version || Date.now() - before.changedMs < settledAfterMs) return sha256;
      entries.set(place, { version: before.version, sha256, usedAt: Date.now() });
      isChanged ||= !isKnown;
      return sha256;
    },
    async save() {
      if (!isChanged) return;
      const latest = [...entries].sort(([, a], [, b]) => b.usedAt - a.usedAt).slice(0, mostEntries);
      await writeFile(storage, FILE, JSON.stringify(Object.fromEntries(latest))).catch(() => undefined);
    },
  };
}

/** Where programs of this user keep what they can compute again, by the customs of the system. */
export function cacheFolder(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  platform: string = process.platform,
): string {
  const home = environment.HOME ?? homedir();
  const { XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = environment;
  if (xdg) return join(xdg, 'cachequant');
  if (platform === 'win32' && local) return join(local, 'cachequant', 'Cache');
  return join(home, ...(platform === 'darwin' ? ['Library', 'Caches'] : ['.cache']), 'cachequant');
}

/** What cannot be read is as good as nothing. */
async function readEntries(storage: Storage): Promise<z.output<typeof entriesSchema>> {
  try {
    return entriesSchema.parse(parseJson(await readText(storage, FILE), FILE));
  } catch {
    return {};
  }
}

async function describe(place: string) {
  const found = await stat(place, { bigint: true }).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  const { dev, ino, size, mtimeNs, ctimeNs } = found;
  return {
    size: Number(size),
    version: [dev, ino, size, mtimeNs, ctimeNs].join('-'),
    changedMs: Math.max(Number(mtimeNs), Number(ctimeNs)) / 1e6,
  };
}
