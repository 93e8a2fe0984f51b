import type { ProgressCallback } from '@cachequant/runtime-web';
import { byId } from './dom.js';
import { megabytes } from './format.js';

interface OfflineOptions {
  /** Downloads everything that the page may read later. */
  readonly keepModels: (onProgress: ProgressCallback) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/**
 * The switch for the service worker: it keeps the page and all of its models for offline use, and adds the headers that threads need on
 * hosts that cannot send them. Nothing is registered before somebody asks for it.
 */
export async function offlineSwitch({ keepModels, onError }: OfflineOptions): Promise<void> {
  const box = byId('offline', HTMLInputElement);
  const text = byId('offline-text', HTMLElement);
  if (!('serviceWorker' in navigator)) {
    box.disabled = true;
    text.textContent = 'This browser has no service workers here; they need https or localhost.';
    return;
  }
  box.checked = (await ownRegistration()) !== undefined;
  if (box.checked) text.textContent = 'Stored with all models. This page also works without a network.';
  box.addEventListener('change', async () => {
    try {
      box.disabled = true;
      if (box.checked) await keep(text, keepModels);
      else await forget();
    } catch (error) {
      box.checked = false;
      onError(error);
    } finally {
      box.disabled = false;
    }
  });
}

async function keep(text: HTMLElement, keepModels: OfflineOptions['keepModels']): Promise<void> {
  text.textContent = 'Storing the models …';
  await keepModels((event) => {
    if (event.status !== 'progress_total') return;
    text.textContent = `Storing the models: ${megabytes(event.loaded)} of ${megabytes(event.total)}`;
  });
  text.textContent = 'Storing the page …';
  await navigator.serviceWorker.register('./sw.js');
  await navigator.serviceWorker.ready;
  text.textContent = 'Stored with all models. This page also works without a network.';
  // Isolation comes with the answer to a navigation.
  if (!globalThis.crossOriginIsolated) location.reload();
}

async function forget(): Promise<void> {
  await (await ownRegistration())?.unregister();
  const own = `cachequant-studio ${ownScope()} `;
  for (const name of await caches.keys()) if (name.startsWith(own)) await caches.delete(name);
  location.reload();
}

/** The folder of the page: other pages on the same origin are none of its business. */
function ownScope(): string {
  return new URL('./', document.baseURI).href;
}

/** The browser answers with what controls this page, which may be the service worker of a site above it. */
async function ownRegistration(): Promise<ServiceWorkerRegistration | undefined> {
  const found = await navigator.serviceWorker.getRegistration(ownScope());
  return found?.scope === ownScope() ? found : undefined;
}
