// The songs that were added, the newest first. They outlive the page that shows them, the document, and the server.

import { present } from "./api.js";
import { say } from "./say.js";
import { Song } from "./song.js";
import { keep, kept, newKey } from "./song_store.js";

const AT_ONCE = 3; // songs that are uploaded or waited for; the others keep their place here
const STALE = 600_000_000; // microseconds after which a song of another tab is taken for given up

/** The name of this tab, the same after a reload. */
const tab = (() => {
  try {
    const name = sessionStorage.getItem("zhanr-tab") ?? newKey();
    sessionStorage.setItem("zhanr-tab", name);
    return name;
  } catch {
    return newKey(); // the browser keeps nothing
  }
})();

/** Events: "change", some came or went; "added", by a person and just now. */
class Songs extends EventTarget {
  /** @type {Song[]} */
  all = [];
  #running = 0;
  /** Resolves when those of before are there. */
  ready = this.#restore();

  add(files) {
    const added = [...files];
    if (!added.length) return;
    this.#replace(added);
    const now = 1000 * Date.now();
    const made = added.map((file, i) => Song.of(file, now + added.length - i, tab));
    keep(...made.map((song) => song.record));
    this.all.unshift(...made);
    this.dispatchEvent(new Event("change"));
    this.dispatchEvent(new CustomEvent("added", { detail: added.length }));
    say(added.length === 1 ? `${added[0].name} was added.` : `${added.length} songs were added.`);
    this.#next();
  }

  remove(...songs) {
    for (const song of songs) song.remove();
    const away = new Set(songs);
    this.all = this.all.filter((song) => !away.has(song));
    this.dispatchEvent(new Event("change"));
    this.#next();
  }

  /** A song whose sound is gone, or that was never sent, is the one that is added again. */
  #replace(files) {
    const again = new Set(files.map((file) => `${file.size} ${file.name}`));
    const silent = this.all.filter((song) => !song.busy && !song.hasSound && again.has(`${song.size} ${song.name}`));
    if (silent.length) this.remove(...silent);
  }

  async #restore() {
    const foreign = (record) =>
      ["waiting", "working"].includes(record.state) && record.tab !== tab && 1000 * Date.now() - record.added < STALE;
    const records = (await kept()).filter((record) => !foreign(record)).sort((a, b) => b.added - a.added);
    if (!records.length) return;
    this.all.push(...records.map((record) => Song.from(record)));
    await this.#askForSounds();
    this.dispatchEvent(new Event("change"));
    this.#next();
  }

  /** Ask the server which uploads it still has. */
  async #askForSounds() {
    const sent = this.all.filter((song) => song.id !== null);
    if (!sent.length) return;
    try {
      const there = new Set(await present(sent.map((song) => song.id)));
      for (const song of sent) if (!there.has(song.id)) song.lose();
    } catch {
      // the server is away: whoever plays a song will see
    }
  }

  #next() {
    while (this.#running < AT_ONCE) {
      const song = this.all.find((other) => other.state === "waiting");
      if (!song) return;
      this.#running++;
      song.run().finally(() => {
        this.#running--;
        this.#next();
      });
    }
  }
}

export const songs = new Songs();

addEventListener("beforeunload", (event) => {
  if (songs.all.some((song) => song.unsent)) event.preventDefault();
});
