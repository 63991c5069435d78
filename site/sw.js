// Keeps the whole site, so that it works without a network. The build fills in the version and the names of all files.

const VERSION = "$version";
const FILES = $files;

self.addEventListener("install", (event) => {
  // asked for again, so that no file of an older version comes out of the browser's own cache
  const requests = FILES.map((name) => new Request(name, { cache: "no-cache" }));
  event.waitUntil(
    caches
      .open(VERSION)
      .then((cache) => cache.addAll(requests))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  const clean = async () => {
    for (const name of await caches.keys())
      if (name.startsWith("zhanr-") && name !== VERSION) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(clean());
});

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET" || new URL(event.request.url).origin !== location.origin) return;
  event.respondWith(
    caches
      .open(VERSION)
      .then((cache) => cache.match(event.request, { ignoreSearch: true }))
      .then((found) => found ?? fetch(event.request)),
  );
});
