import { CacheQuantError, type OwnedStorage, ownedStorage, type Storage } from '@cachequant/tensor';

/** Marks a folder of intermediate results, and lists what was written into it. */
const WORK_JOURNAL = 'written.txt';

/**
 * A work folder as a storage that knows what of it is its own.
 * @throws CacheQuantError `storage` for a folder with files that no optimization has put there
 */
export async function ownWork(work: Storage): Promise<OwnedStorage> {
  await requireWorkPlace(work);
  return ownedStorage(work, WORK_JOURNAL);
}

/** @throws CacheQuantError `storage` for a folder that is neither empty nor one of intermediate results */
export async function requireWorkPlace(work: Storage): Promise<void> {
  if (await work.stat(WORK_JOURNAL)) return;
  const [other] = await work.list();
  if (other === undefined) return;
  throw new CacheQuantError('storage', 'the work folder holds other files', {
    where: work.locate?.(other) ?? other,
    expected: 'an empty folder, or that of an earlier optimization',
    hint: 'Nothing was changed. Give the intermediate results a folder of their own.',
  });
}

/**
 * Removes the intermediate results in a folder.
 * @returns what else is there, which stays
 */
export async function removeWork(work: Storage): Promise<string[]> {
  if (!(await work.stat(WORK_JOURNAL))) return work.list();
  const stays = await (await ownedStorage(work, WORK_JOURNAL)).empty();
  await work.remove(WORK_JOURNAL);
  return stays;
}
