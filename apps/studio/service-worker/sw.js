// Keeps the page for offline use, and isolates it on hosts that send no headers. The build fills in both constants.
// Caches belong to the whole origin, which other sites may share: names say whose each is. offline.ts knows them too.
const OWN_CACHES = `cachequant-studio ${self.registration.scope} `;
const CACHE = `${OWN_CACHES}${'VERSION'}`;
const FILES = ['FILES'];

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(FILES))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => names.filter((name) => name.startsWith(OWN_CACHES) && name !== CACHE))
      .then((outdated) => Promise.all(outdated.map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  // Other hosts are none of its business, and models have a store of their own.
  if (request.method !== 'GET' || url.origin !== location.origin) return;
  if (/\/models\/.+\/./.test(url.pathname)) return;
  event.respondWith(answer(request));
});

/** The newest page where there is a network, the kept one where there is none; hashed files never change. */
async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept && request.mode !== 'navigate') return isolated(kept);
  try {
    const fresh = await fetch(request);
    if (fresh.ok && /\/assets\//.test(request.url)) await cache.put(request, fresh.clone());
    return isolated(fresh);
  } catch (error) {
    const page = kept ?? (request.mode === 'navigate' ? await cache.match('./') : undefined);
    if (page) return isolated(page);
    throw error;
  }
}

function isolated(response) {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
