import { CacheQuantError, lockedError, type StorageLock } from '@cachequant/tensor';

/**
 * Takes a name among all pages and workers of this site, by the Web Locks API. It ends with the page.
 *
 * @throws CacheQuantError `storage` when another page has it, `unsupported` where the browser gives no locks
 */
export async function webLock(name: string): Promise<StorageLock> {
  const locks = globalThis.navigator?.locks;
  if (locks === undefined) {
    throw new CacheQuantError('unsupported', 'this page has no locks', {
      where: `lock ${name}`,
      expected: 'a page on https or localhost',
    });
  }
  return new Promise((resolve, reject) => {
    const holding = locks.request(`cachequant:${name}`, { ifAvailable: true }, (granted) => {
      if (granted === null) throw lockedError(name);
      return new Promise<void>((giveBack) => {
        resolve({
          async release() {
            giveBack();
            // Given back when the request is over, which is a little later.
            await holding;
          },
        });
      });
    });
    holding.catch(reject);
  });
}
