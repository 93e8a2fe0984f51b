import { readText, type Storage, throwIfAborted, writeFile } from '@cachequant/tensor';
import { loadArtifact, saveArtifact } from './artifact.js';

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
 */
export async function openStages(
  work: Storage,
  fingerprint: string,
  options: { readonly signal?: AbortSignal | undefined; readonly onStage?: (name: string, reused: boolean) => void },
): Promise<StageRunner> {
  const known = (await work.stat(FINGERPRINT)) ? await readText(work, FINGERPRINT) : undefined;
  if (known !== fingerprint) {
    for (const path of await work.list()) await work.remove(path);
    await writeFile(work, FINGERPRINT, fingerprint);
  }
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
