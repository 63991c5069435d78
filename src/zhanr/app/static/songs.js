// The songs that were added: each a file on its way to its answer. They outlive the page that shows them.

import { analysis, forget, plainSound, upload, uploadSound, why } from "./api.js";
import { bytes, megabytes, percent } from "./dom.js";
import { say } from "./say.js";
import { settings } from "./settings.js";

const AT_ONCE = 3; // songs that are uploaded or waited for; the others keep their place here

/** What a card shows. `state` is "waiting", "working", "done" or "failed"; every change is an event "change". */
export class Song extends EventTarget {
  #file;
  #left = new AbortController();
  #url = null;
  #plain = null;

  constructor(file) {
    super();
    this.#file = file;
    this.name = file.name;
    this.size = file.size;
    this.state = "waiting";
    this.note = "Waiting for its turn";
    this.share = 0; // of what is being done; null where nobody knows
    this.answer = null; // as the server gives it, with `picture` and `peaks` as bytes
    this.similar = [];
    this.reasons = null;
    this.error = "";
  }

  /** Upload the song and wait for its answer, or for why there is none. */
  async run() {
    try {
      this.#check();
      await this.#upload();
      await this.#listen();
    } catch (error) {
      if (this.#left.signal.aborted) return;
      const text = error.message || String(error);
      this.#change({ state: "failed", error: text.charAt(0).toUpperCase() + text.slice(1).replace(/\.?$/, ".") });
      say(`${this.name}: no answer. ${this.error}`);
    }
  }

  /** Where its sound is; the file itself, as long as it is there. */
  sound() {
    return (this.#url ??= URL.createObjectURL(this.#file));
  }

  /** Where its sound is in a form that every browser plays. */
  async plainSound() {
    this.#plain ??= (await plainSound(this.id, this.#left.signal)).id;
    return uploadSound(this.#plain);
  }

  /** What spoke for a genre. */
  async explain(genre) {
    return (this.reasons ??= await why(this.id, genre, this.#left.signal));
  }

  /** Give it up, and delete what the server keeps of it. */
  remove() {
    this.#left.abort(new Error("removed"));
    this.forget();
    if (this.#url) URL.revokeObjectURL(this.#url);
  }

  forget() {
    for (const id of [this.id, this.#plain]) if (id) forget(id);
  }

  #change(values) {
    Object.assign(this, values);
    this.dispatchEvent(new Event("change"));
  }

  #progress(note, share = null) {
    this.#change({ state: "working", note, share });
  }

  #check() {
    if (this.size > settings.max_bytes) {
      throw new Error(`The file has ${megabytes(this.size)}; at most ${megabytes(settings.max_bytes)} are accepted`);
    }
    if (!this.size) throw new Error("The file is empty");
  }

  async #upload() {
    const told = (share) => this.#progress(share < 1 ? `Uploading, ${percent(share)}` : "Uploaded", share);
    told(0);
    ({ id: this.id } = await this.#patiently(() => upload(this.#file, this.name, told, this.#left.signal)));
    if (this.#left.signal.aborted) this.forget();
  }

  async #listen() {
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

  #answered(answer) {
    answer.picture = bytes(answer.picture);
    answer.peaks = bytes(answer.peaks);
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

/** All of them, the newest first; "change" tells that some came or went. */
class Songs extends EventTarget {
  all = [];
  #running = 0;

  add(files) {
    const added = [...files].map((file) => new Song(file));
    if (!added.length) return;
    this.all.unshift(...added);
    this.dispatchEvent(new Event("change"));
    say(added.length === 1 ? `${added[0].name} was added.` : `${added.length} songs were added.`);
    this.#next();
  }

  remove(song) {
    song.remove();
    this.all = this.all.filter((other) => other !== song);
    this.dispatchEvent(new Event("change"));
  }

  #next() {
    while (this.#running < AT_ONCE) {
      const song = this.all.find((other) => other.state === "waiting");
      if (!song) return;
      this.#running++;
      song.state = "working";
      song.run().finally(() => {
        this.#running--;
        this.#next();
      });
    }
  }
}

export const songs = new Songs();

addEventListener("pagehide", (event) => {
  if (!event.persisted) for (const song of songs.all) song.forget();
});
