import type { Storage } from '@cachequant/tensor';
import { droppedStorage, filesStorage } from '@cachequant/web';
import { byId } from '../dom.js';

/** What the visitor brought: files, or an address. */
export type OfferedBundle =
  | { readonly name: string; readonly storage: Storage }
  | { readonly address: string };

/** Takes a folder that is dropped anywhere on the page, one that is chosen, or an address. */
export function acceptBundles(take: (brought: OfferedBundle | Promise<OfferedBundle>) => void): void {
  const zone = byId('drop', HTMLElement);
  const over = (on: boolean) => zone.classList.toggle('over', on);
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    over(true);
  });
  document.addEventListener('dragleave', (event) => event.relatedTarget === null && over(false));
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    over(false);
    const items = [...(event.dataTransfer?.items ?? [])];
    if (items.length === 0) return;
    const name = items[0]?.webkitGetAsEntry()?.name ?? 'what you dropped';
    // At once: the browser empties the list after this event.
    take(droppedStorage(items).then((storage) => ({ name, storage })));
  });

  const folder = byId('folder', HTMLInputElement);
  folder.addEventListener('change', () => {
    const files = [...(folder.files ?? [])];
    folder.value = '';
    if (files.length === 0) return;
    take({
      name: files[0]!.webkitRelativePath.split('/')[0] || files[0]!.name,
      storage: filesStorage(files),
    });
  });
  byId('choose', HTMLButtonElement).addEventListener('click', () => folder.click());

  byId('address-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    take({ address: byId('address', HTMLInputElement).value });
  });
}
