// One song that was added: a file on its way to its answer, which is kept.

import { analysis, forget, plainSound, upload, uploadSound, why } from "./api.js";
import { megabytes, percent } from "./dom.js";
import { say } from "./say.js";
import { settings } from "./settings.js";
import { drop, keep, keepPictures, keptPictures, newKey } from "./song_store.js";

/** Which fields are kept. */
const FIELDS = ["key", "tab", "added", "name", "size", "state", "id", "answer", "similar", "reasons", "error"];
const LOST = "This page was left before the song was sent. Please add it again.";

/**
 * What a card and a list show. `state` is "waiting", "working", "done" or "failed"; `note` and `share` (0 to 1, null
 * where nobody knows) say how far it is; `gone` is true where the server has deleted the sound. Every change is an
 * event "change".
 */
export class Song extends EventTarget {
  #file = null;
  #left = new AbortController();
  #url = null;
  #plain = null;
  #pictures = null;
  id = null; // of the upload
  note = "Waiting for its turn";
  share = 0;
  answer = null; // as the server gives it, without its pictures
  similar = [];
  reasons = null;
  error = "";
  gone = false;
  state = "waiting";
  name = "";
  size = 0;
  key = "";
  tab = "";
  added = 0;

  /** A song that has just been added; `added` numbers them. */
  static of(file, added, tab) {
    const song = new Song();
    song.#file = file;
    return Object.assign(song, { key: newKey(), tab, added, name: file.name, size: file.size });
  }

  /** A song as it was kept. */
  static from(record) {
    const song = Object.assign(new Song(), record);
    const sent = record.id !== null;
    if (song.busy && sent) Object.assign(song, { state: "waiting", note: "Waiting for its turn" });
    else if (song.busy) Object.assign(song, { state: "failed", error: LOST });
    return song;
  }

  get busy() {
    return this.state === "waiting" || this.state === "working";
  }

  /** Whether the file itself is still needed: leaving the document now would lose the song. */
  get unsent() {
    return this.busy && this.id === null;
  }

  /** Whether the sound can be played and explained. */
  get hasSound() {
    return this.#file !== null || (this.id !== null && !this.gone);
  }

  /** Upload the song and wait for its answer, or for why there is none. */
  async run() {
    try {
      this.state = "working";
      if (this.id === null) await this.#upload();
      await this.#follow();
    } catch (error) {
      if (this.#left.signal.aborted) return;
      const text = error.message || String(error);
      this.#change({ state: "failed", error: text.charAt(0).toUpperCase() + text.slice(1).replace(/\.?$/, ".") });
      say(`${this.name}: no answer. ${this.error}`);
    }
    this.save();
  }

  /** Where its sound is; the file itself, as long as it is there. */
  sound() {
    if (!this.#file) return uploadSound(this.id);
    return (this.#url ??= URL.createObjectURL(this.#file));
  }

  /** Where its sound is in a form that every browser plays. */
  async plainSound() {
    this.#plain ??= (await this.#asked(plainSound(this.id, this.#left.signal))).id;
    return uploadSound(this.#plain);
  }

  /** What spoke for a genre. */
  async explain(genre) {
    if (!this.reasons) {
      this.reasons = await this.#asked(why(this.id, genre, this.#left.signal));
      this.save();
    }
    return this.reasons;
  }

  /** {picture, peaks}: bytes, as `Analysis` on the server has them; null where this browser kept none. */
  async pictures() {
    return this.#pictures ?? (await keptPictures(this.key));
  }

  /** Say that the server has not got the sound any more. */
  lose() {
    this.#change({ gone: true });
  }

  /** Give it up, and delete what is kept of it. */
  remove() {
    this.#left.abort(new Error("removed"));
    this.#forget();
    if (this.#url) URL.revokeObjectURL(this.#url);
    drop(this.key);
  }

  #forget() {
    for (const id of [this.id, this.#plain]) if (id && !this.gone) forget(id);
  }

  #change(values) {
    Object.assign(this, values);
    this.dispatchEvent(new Event("change"));
  }

  /** What is kept of it, as it is now. */
  get record() {
    return Object.fromEntries(FIELDS.map((name) => [name, this[name]]));
  }

  save() {
    if (!this.#left.signal.aborted) keep(this.record);
  }

  #progress(note, share = null) {
    if (note !== this.note || share !== this.share) this.#change({ note, share });
  }

  /** What comes of a question about the upload, which may be gone. */
  async #asked(answer) {
    try {
      return await answer;
    } catch (error) {
      if (error.status === 404) this.lose();
      throw error;
    }
  }

  async #upload() {
    if (this.size > settings.max_bytes) {
      throw new Error(`The file has ${megabytes(this.size)}; at most ${megabytes(settings.max_bytes)} are accepted`);
    }
    if (!this.size) throw new Error("The file is empty");
    const told = (share) => this.#progress(share < 1 ? `Uploading, ${percent(share)}` : "Uploaded", share);
    this.save();
    ({ id: this.id } = await this.#patiently(() => upload(this.#file, this.name, told, this.#left.signal)));
    if (this.#left.signal.aborted) this.#forget();
    this.save();
  }

  async #follow() {
    await this.#patiently(async () => {
      for await (const event of analysis(this.id, this.#left.signal)) this.#heard(event);
      if (!this.answer) throw new Error("The connection to the server was lost");
    });
  }

  #heard(event) {
    if (event.error) throw new Error(event.error);
    if ("waiting" in event) {
      const ahead = `${event.waiting} ${event.waiting === 1 ? "song" : "songs"} ahead`;
      this.#progress(`Waiting, ${event.waiting ? ahead : "next in line"}`, 0);
    } else if ("progress" in event) this.#progress("Listening …", event.progress || null);
    else if (event.song) this.#answered(event.song);
    else if (event.similar) this.#change({ similar: event.similar });
  }

  #answered({ picture, peaks, ...answer }) {
    const pictures = { picture, peaks };
    // a list of hundreds of songs needs no pictures in memory, where they are kept
    this.#pictures = pictures;
    keepPictures(this.key, pictures).then((done) => done && (this.#pictures = null));
    this.#change({ state: "done", answer });
    say(`${this.name}: ${answer.genre ? `${answer.genre}, ${percent(answer.confidence)}` : answer.reason}`);
  }

  /** Try again, as late as the server asks for, as long as it is only busy. */
  async #patiently(work) {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (error.status !== 429 && error.status !== 503) throw error;
        this.#progress("Waiting, the server is busy");
        await this.#pause(Math.max(1, error.retryAfter));
      }
    }
  }

  #pause(seconds) {
    return new Promise((resolve, reject) => {
      setTimeout(resolve, 1000 * seconds);
      this.#left.signal.addEventListener("abort", () => reject(this.#left.signal.reason));
    });
  }
}
