import { byId } from './dom.js';

/**
 * The switch for the service worker: it keeps the page for offline use, and adds the headers that threads need on
 * hosts that cannot send them. Nothing is registered before somebody asks for it.
 */
export async function offlineSwitch(onError: (error: unknown) => void): Promise<void> {
  const box = byId('offline', HTMLInputElement);
  const text = byId('offline-text', HTMLElement);
  if (!('serviceWorker' in navigator)) {
    box.disabled = true;
    text.textContent = 'This browser has no service workers here; they need https or localhost.';
    return;
  }
  const { serviceWorker } = navigator;
  box.checked = (await serviceWorker.getRegistration()) !== undefined;
  if (box.checked) text.textContent = 'Stored. This page also opens without a network.';
  box.addEventListener('change', async () => {
    try {
      box.disabled = true;
      if (box.checked) await keep(text);
      else await forget();
    } catch (error) {
      box.checked = false;
      onError(error);
    } finally {
      box.disabled = false;
    }
  });
}

async function keep(text: HTMLElement): Promise<void> {
  text.textContent = 'Storing the page …';
  await navigator.serviceWorker.register('./sw.js');
  await navigator.serviceWorker.ready;
  text.textContent = 'Stored. This page also opens without a network.';
  // Isolation comes with the answer to a navigation.
  if (!globalThis.crossOriginIsolated) location.reload();
}

async function forget(): Promise<void> {
  for (const registration of await navigator.serviceWorker.getRegistrations())
    await registration.unregister();
  for (const name of await caches.keys()) await caches.delete(name);
  location.reload();
}
