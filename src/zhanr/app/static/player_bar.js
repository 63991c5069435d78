// The bar at the bottom that plays the library's songs, one after the other. It stays while one goes from page to page.

import { librarySound, plainLibrarySound } from "./api.js";
import { CLOSE, calm, clock, el, icon, NEXT, PAUSE, PLAY, PREVIOUS } from "./dom.js";
import { begins } from "./sounding.js";

const KEY_STEP = 5; // seconds that an arrow key moves

/**
 * What is played one after the other: `at(i)` promises the song of a place, null beyond the ends.
 *
 * @typedef {{index: number, at: (i: number) => Promise<any>}} Queue
 */

/** @param {any[]} songs @param {number} index @returns {Queue} */
export const queueOf = (songs, index) => ({ index, at: async (i) => songs[i] ?? null });

/** Tells of every change by the event "change". */
class PlayerBar extends HTMLElement {
  /** @type {any} */ #song = null;
  /** @type {Queue | null} */ #queue = null;
  #decoded = false; // whether the server's own decoding is being played

  connectedCallback() {
    this.audio = /** @type {HTMLAudioElement} */ (el("audio", { preload: "none" }));
    this.line = el("p", { class: "l-playing" });
    this.place = /** @type {HTMLInputElement} */ (
      el("input", { type: "range", class: "b-seek", min: 0, max: 1, step: 0.1, value: 0, "aria-label": "Position" })
    );
    this.time = el("span", { class: "b-time" });
    this.bar = el(
      "section",
      { class: "l-player z-card", "aria-label": "Player", hidden: true },
      (this.back = this.#button("Previous song", PREVIOUS, () => this.step(-1))),
      (this.main = this.#button("Play", PLAY, () => this.#pauseOrGoOn())),
      (this.on = this.#button("Next song", NEXT, () => this.step(1))),
      this.line,
      this.place,
      this.time,
      this.#button("Close the player", CLOSE, () => this.stop()),
    );
    this.append(this.bar, this.audio);
    this.place.addEventListener("input", () => this.seek(Number(this.place.value)));
    this.audio.addEventListener("play", () => begins(this));
    this.audio.addEventListener("ended", () => this.step(1));
    this.audio.addEventListener("timeupdate", () => this.#tell());
    this.audio.addEventListener("durationchange", () => this.#tell());
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.#changed());
    this.audio.addEventListener("error", () => this.#failed());
  }

  /** The id of the song that plays or was played last. */
  get song() {
    return this.#song?.id ?? null;
  }

  get playing() {
    return !this.audio.paused && !this.audio.ended;
  }

  isPlaying(id) {
    return this.playing && this.song === id;
  }

  /** Play a song, or where it is that one already, pause or go on. */
  toggle(song, queue = null) {
    if (song.id !== this.song || this.audio.error) return this.play(song, queue);
    return this.#pauseOrGoOn();
  }

  /** Resolves to whether it plays. `queue` says what comes before and after. */
  play(song, queue = null) {
    this.#song = song;
    this.#queue = queue;
    this.#decoded = false;
    this.name = [song.artist, song.title].filter(Boolean).join(" – ");
    this.line.replaceChildren(el("bdi", {}, this.name));
    this.back.hidden = this.on.hidden = !queue;
    this.#show(true);
    return this.#start(librarySound(song.id));
  }

  /** Go to the song `by` places further on; nothing beyond the ends, and past songs that are gone. */
  async step(by) {
    const queue = this.#queue;
    for (let i = (queue?.index ?? 0) + by; queue && i >= 0; i += by) {
      const song = await queue.at(i);
      if (queue !== this.#queue || !song) return;
      if (!song.gone) return this.play(song, { ...queue, index: i });
    }
  }

  /** @param {number} seconds */
  seek(seconds) {
    this.audio.currentTime = Math.max(0, seconds);
    this.#tell();
  }

  pause() {
    this.audio.pause();
  }

  stop() {
    this.pause();
    this.#show(false);
    this.#song = this.#queue = null;
    this.#changed();
  }

  /** What a key does while the bar is there; true where it does something. */
  key(event) {
    if (this.bar.hidden || event.ctrlKey || event.metaKey || event.altKey) return false;
    const step = event.shiftKey ? 1 : KEY_STEP;
    const actions = {
      " ": () => this.#pauseOrGoOn(),
      ArrowLeft: () => this.seek(this.audio.currentTime - step),
      ArrowRight: () => this.seek(this.audio.currentTime + step),
    };
    actions[event.key]?.();
    return event.key in actions;
  }

  #button(label, shape, onclick) {
    const button = el("button", { type: "button", class: "l-play", "aria-label": label, onclick });
    button.append(icon(shape, { filled: shape !== CLOSE }));
    return button;
  }

  /** The page makes room, so that the bar never lies over its end. */
  #show(seen) {
    this.bar.hidden = !seen;
    document.body.classList.toggle("b-playing", seen);
  }

  #pauseOrGoOn() {
    return this.playing ? this.audio.pause() : this.audio.play().catch(() => {});
  }

  #start(url) {
    this.audio.src = url;
    return this.audio.play().then(
      () => true,
      () => false,
    );
  }

  #changed() {
    this.main.replaceChildren(icon(this.playing ? PAUSE : PLAY));
    this.main.setAttribute("aria-label", this.playing ? "Pause" : "Play");
    this.dispatchEvent(new Event("change"));
  }

  #tell() {
    const length = Number.isFinite(this.audio.duration) ? this.audio.duration : (this.#song?.duration ?? 0);
    const now = calm() ? Math.floor(this.audio.currentTime) : this.audio.currentTime;
    this.place.max = String(length || 1);
    this.place.value = String(now);
    const text = `${clock(now)} / ${clock(length)}`;
    if (this.time.textContent === text) return;
    this.time.textContent = text;
    this.place.setAttribute("aria-valuetext", text);
  }

  /** Where the browser doesn't know the format, the server's decoding is played. */
  async #failed() {
    const song = this.#song;
    if (!this.audio.getAttribute("src") || !song) return;
    if (!this.#decoded) {
      this.#decoded = true;
      this.line.replaceChildren(`${this.name}: being decoded …`);
      try {
        const url = await plainLibrarySound(song.id);
        if (song !== this.#song) return;
        this.line.replaceChildren(el("bdi", {}, this.name));
        await this.#start(url);
        return;
      } catch {
        if (song !== this.#song) return;
      }
    }
    this.line.replaceChildren(`${this.name}: the file can’t be played, or it is not there any more.`);
  }
}

customElements.define("zhanr-player", PlayerBar);

export const playerBar = /** @type {PlayerBar} */ (document.querySelector("zhanr-player"));
