import { CacheQuantError } from '@cachequant/tensor';

/**
 * Checks the id of a model, `owner/name` or, for a few old ones, `name`.
 * @throws CacheQuantError `invalid-argument`
 */
export function checkModelId(id: string): string {
  const part = '[A-Za-z0-9](?:[\\w.-]*[A-Za-z0-9_])?';
  const plain = new RegExp(`^(?:${part}/)?${part}$`).test(id) && !/--|\.\./.test(id) && !id.endsWith('.git');
  if (plain && id.length <= 96) return id;
  throw new CacheQuantError('invalid-argument', 'this is not the id of a model', {
    where: 'id',
    expected: 'owner/name, such as stabilityai/sd-turbo',
    got: JSON.stringify(id),
  });
}

/**
 * Checks the name of a branch or tag, or the hash of a commit.
 * @throws CacheQuantError `invalid-argument`
 */
export function checkRevision(revision: string): string {
  const parts = revision.split('/');
  if (parts.every((part) => /^[\w.+-]+$/.test(part) && !/^\.+$/.test(part))) return revision;
  throw new CacheQuantError('invalid-argument', 'this is not a revision', {
    where: 'revision',
    expected: 'a branch, a tag, or the hash of a commit',
    got: JSON.stringify(revision),
  });
}

/** Whether a revision is the full hash of a commit, which never changes. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}
