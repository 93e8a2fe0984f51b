import { loadArtifact, saveArtifact } from '@cachequant/pipeline/internals';
import {
  CacheQuantError,
  type OwnedStorage,
  readText,
  type Storage,
  takeTurns,
  writeFile,
} from '@cachequant/tensor';
import { type NamedStage, namedStage, type Stage } from './stage.js';

const FINGERPRINT = 'fingerprint.txt';

/** How far a stage is; one that goes through its images more than once begins at 0 again. */
export interface StageProgress {
  readonly stage: NamedStage;
  readonly done: number;
  readonly total: number;
}

/** Runs the stages of an optimization, each once: a finished one is read back from the work folder. */
export interface StageRunner {
  /** @returns what `run` returned, now or in an earlier attempt */
  stage<T>(stage: Stage, run: () => Promise<T>): Promise<T>;
  /** Runs a stage that leaves nothing in the work folder, and so is run at every attempt. */
  unsaved<T>(stage: Stage, run: () => Promise<T>): Promise<T>;
  /** Says how far the stage that is running is; outside stages nobody hears of it. */
  readonly progress: (done: number, total: number) => void;
  /** Of everything that the results depend on. */
  readonly fingerprint: string;
  /** Ids of the stages that were read back. */
  readonly reused: readonly string[];
}

/** What those who watch an optimization are told. */
export interface StageObserver {
  /** Called as a stage begins, or is read back. */
  readonly onStage?: ((stage: NamedStage, reused: boolean) => void) | undefined;
  readonly onProgress?: ((progress: StageProgress) => void) | undefined;
}

export interface StageOptions extends StageObserver {
  readonly signal?: AbortSignal | undefined;
  /** Throws when a result is not to be trusted after all. */
  readonly beforeSave?: () => Promise<void>;
}

/**
 * Opens a work folder for one optimization. One that belongs to another model, other options or another
 * version of the code is emptied of what optimizations have written there.
 * @param fingerprint of everything that the results depend on
 */
export async function openStages(
  work: OwnedStorage,
  fingerprint: string,
  { signal, beforeSave, onStage, onProgress }: StageOptions,
): Promise<StageRunner> {
  await claim(work, fingerprint);
  const reused: string[] = [];
  let running: NamedStage | undefined;
  const during = async <T>(stage: NamedStage, run: () => Promise<T>): Promise<T> => {
    running = stage;
    try {
      return await run();
    } finally {
      running = undefined;
    }
  };
  return {
    fingerprint,
    reused,
    progress(done, total) {
      if (running) onProgress?.({ stage: running, done, total });
    },
    async stage<T>(which: Stage, run: () => Promise<T>): Promise<T> {
      await takeTurns(signal);
      const stage = namedStage(which);
      const path = stageFile(stage);
      const found = await loadArtifact<SavedStage<T>>(work, path);
      // What another run has left there is as good as nothing.
      const saved = found?.fingerprint === fingerprint ? found : undefined;
      onStage?.(stage, saved !== undefined);
      if (saved) {
        reused.push(stage.id);
        return saved.value;
      }
      const value = await during(stage, run);
      await beforeSave?.();
      await requireOwn(work, fingerprint);
      await saveArtifact(work, path, { fingerprint, value } satisfies SavedStage<T>);
      return value;
    },
    async unsaved(which, run) {
      const stage = namedStage(which);
      onStage?.(stage, false);
      await takeTurns(signal);
      return during(stage, run);
    },
  };
}

/** A stage's result, and the optimization that it belongs to. */
export interface SavedStage<T> {
  readonly fingerprint: string;
  readonly value: T;
}

/** Where the result of a stage is in the work folder, without its ending. */
export function stageFile(stage: Pick<NamedStage, 'id'>): string {
  return `stages/${stage.id}`;
}

/** @throws CacheQuantError `storage` when the folder was taken for another optimization since it was opened */
async function requireOwn(work: Storage, fingerprint: string): Promise<void> {
  const known = (await work.stat(FINGERPRINT)) ? await readText(work, FINGERPRINT) : undefined;
  if (known === fingerprint) return;
  throw new CacheQuantError('storage', 'the work folder is no longer that of this run', {
    where: work.locate?.(FINGERPRINT) ?? FINGERPRINT,
    hint: 'Give every run a work folder of its own.',
  });
}

/** Makes the folder that of this optimization; what is in it stays only if it was before. */
async function claim(work: OwnedStorage, fingerprint: string): Promise<void> {
  const known = (await work.stat(FINGERPRINT)) ? await readText(work, FINGERPRINT) : undefined;
  if (known === fingerprint) return;
  await writeFile(work, FINGERPRINT, 'being emptied');
  await work.empty();
  await writeFile(work, FINGERPRINT, fingerprint);
}
