// What the browser keeps of the songs that were added: their answers and pictures, over a reload and a restart.
//
// Where a browser keeps nothing (a private window may not), everything here quietly does nothing.

/** @type {Promise<IDBDatabase | null>} */
const opened = new Promise((resolve) => {
  let request;
  try {
    request = indexedDB.open("zhanr", 1);
  } catch {
    resolve(null);
    return;
  }
  request.onupgradeneeded = () => {
    request.result.createObjectStore("songs", { keyPath: "key" });
    request.result.createObjectStore("pictures"); // apart: a list of songs needs none, and they are large
  };
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => resolve(null);
  request.onblocked = () => resolve(null);
});

/** Do something with the two stores; resolves to the result of the request that `work` gives, or null. */
async function within(mode, work) {
  const database = await opened;
  if (!database) return null;
  return new Promise((resolve) => {
    const transaction = database.transaction(["songs", "pictures"], mode);
    const request = work(transaction.objectStore("songs"), transaction.objectStore("pictures"));
    transaction.oncomplete = () => resolve(request?.result ?? null);
    transaction.onabort = () => resolve(null); // the disk is full, above all: the song stays in this page alone
  });
}

/** A key for a song; not `randomUUID`, which only pages of https and of this computer have. */
export const newKey = () => [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join("-");

/** All that is kept, without pictures. */
export const kept = async () => (await within("readonly", (songs) => songs.getAll())) ?? [];

/** Keep them in one transaction: hundreds of songs come at once. */
export const keep = (...records) =>
  within("readwrite", (songs) => {
    for (const record of records) songs.put(record);
  });

export const keepPictures = (key, pictures) => within("readwrite", (_, store) => store.put(pictures, key));

/** {picture, peaks} of a song, or null. */
export const keptPictures = (key) => within("readonly", (_, store) => store.get(key));

export const drop = (key) =>
  within("readwrite", (songs, pictures) => {
    songs.delete(key);
    return pictures.delete(key);
  });
