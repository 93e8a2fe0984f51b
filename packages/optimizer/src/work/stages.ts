import { loadArtifact, saveArtifact } from '@cachequant/pipeline/internals';
import { CacheQuantError, readText, type Storage, throwIfAborted, writeFile } from '@cachequant/tensor';

const FINGERPRINT = 'fingerprint.txt';

/** Runs the stages of an optimization, each once: a finished one is read back from the work folder. */
export interface StageRunner {
  /** @returns what `run` returned, now or in an earlier attempt */
  stage<T>(name: string, run: () => Promise<T>): Promise<T>;
  /** Names of the stages that were read back. */
  readonly reused: readonly string[];
}

/**
 * Opens a work folder for one optimization. One that belongs to another model, other options or another
 * version of the code is emptied.
 * @param fingerprint of everything that the results depend on
 * @throws CacheQuantError `storage` for a folder with files that no optimization has put there
 */
export async function openStages(
  work: Storage,
  fingerprint: string,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly onStage?: (name: string, reused: boolean) => void;
  },
): Promise<StageRunner> {
  await claim(work, fingerprint);
  const reused: string[] = [];
  return {
    reused,
    async stage<T>(name: string, run: () => Promise<T>): Promise<T> {
      throwIfAborted(options.signal);
      const path = `stages/${name}`;
      const saved = await loadArtifact<{ value: T }>(work, path);
      options.onStage?.(name, saved !== undefined);
      if (saved) {
        reused.push(name);
        return saved.value;
      }
      const value = await run();
      await saveArtifact(work, path, { value });
      return value;
    },
  };
}

/** Makes the folder that of this optimization; what is in it stays only if it was before. */
async function claim(work: Storage, fingerprint: string): Promise<void> {
  const known = (await work.stat(FINGERPRINT)) ? await readText(work, FINGERPRINT) : undefined;
  if (known === fingerprint) return;
  const others = (await work.list()).filter((path) => path !== FINGERPRINT);
  if (known === undefined && others.length > 0) {
    throw new CacheQuantError('storage', 'the work folder holds other files', {
      where: work.locate?.(others[0]!) ?? others[0]!,
      expected: 'an empty folder, or that of an earlier optimization',
      hint: 'Everything in a work folder may be deleted, so give it a folder of its own.',
    });
  }
  await writeFile(work, FINGERPRINT, 'being emptied');
  for (const path of others) await work.remove(path);
  await writeFile(work, FINGERPRINT, fingerprint);
}
