// Playing a song: one audio element a card, one song at a time, and the keys.

import { calm } from "./dom.js";
import { begins } from "./sounding.js";

const players = new Set();
let active = null; // the player that was used last
const STEP = 5; // seconds that an arrow key moves

export class Player extends EventTarget {
  #audio = new Audio();
  #fallback;
  #frame = 0;
  #wanted = false; // whether it should play once it can

  /** Plays `url`, or where the browser doesn't know the format, the URL that `fallback()` promises. */
  constructor(url, fallback, duration) {
    super();
    this.#fallback = fallback;
    this.duration = duration;
    this.#audio.preload = "none"; // fifty songs at once: nothing is decoded before it is wanted
    this.#audio.addEventListener("error", () => this.#failed());
    for (const name of ["play", "pause", "ended", "seeked"]) this.#audio.addEventListener(name, () => this.#changed());
    this.#audio.addEventListener("timeupdate", () => this.#tell());
    this.#audio.src = url;
    players.add(this);
  }

  get playing() {
    return !this.#audio.paused;
  }
  get time() {
    return Math.min(this.#audio.currentTime, this.duration);
  }

  toggle() {
    active = this;
    this.#wanted = !this.playing;
    if (this.playing) this.#audio.pause();
    else this.#audio.play().catch(() => {}); // a format that isn't known has its own event
  }

  pause() {
    this.#audio.pause();
  }

  seek(seconds) {
    active = this;
    this.#audio.currentTime = Math.max(0, Math.min(seconds, this.duration - 0.05));
    this.#tell();
  }

  close() {
    cancelAnimationFrame(this.#frame);
    this.#audio.pause();
    this.#audio.removeAttribute("src");
    players.delete(this);
    if (active === this) active = null;
  }

  /** What a key does to the player; true where it does something. */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const step = event.shiftKey ? 1 : STEP;
    const actions = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.seek(this.time - step),
      ArrowRight: () => this.seek(this.time + step),
      Home: () => this.seek(0),
      End: () => this.seek(this.duration),
    };
    actions[event.key]?.();
    return event.key in actions;
  }

  async #failed() {
    if (!this.#audio.getAttribute("src")) return;
    const fallback = this.#fallback;
    this.#fallback = null;
    try {
      const url = await fallback(),
        { time } = this;
      if (!players.has(this)) return; // closed meanwhile
      this.#audio.src = url;
      this.#audio.currentTime = time;
      if (this.#wanted) this.toggle();
    } catch {
      this.#cannot();
    }
  }

  #cannot() {
    this.dispatchEvent(new Event("cannot"));
  }

  #changed() {
    if (this.playing) {
      active = this;
      begins(this);
      this.#follow();
    }
    this.dispatchEvent(new Event("change"));
    this.#tell();
  }

  #follow() {
    cancelAnimationFrame(this.#frame);
    if (!this.playing || calm()) return; // the audio element itself tells the time now and then
    this.#tell();
    this.#frame = requestAnimationFrame(() => this.#follow());
  }

  #tell() {
    this.dispatchEvent(new Event("time"));
  }
}

// Where no control has the keys, they go to the song that was used last, or else to the first one.
const CONTROLS = "a, button, input, select, textarea, summary, [contenteditable], [role=slider], [role=dialog]";
document.addEventListener("keydown", (event) => {
  if (
    event.defaultPrevented ||
    /** @type {Element} */ (event.target).closest?.(CONTROLS) ||
    ![" ", "ArrowLeft", "ArrowRight"].includes(event.key)
  )
    return;
  const player = active ?? players.values().next().value;
  if (player?.key(event)) event.preventDefault();
});
