// The bar at the bottom that plays the library's songs. It stays while one goes from page to page.

import { librarySound } from "./api.js";
import { el } from "./dom.js";
import { begins } from "./sounding.js";

/** Tells of every change by the event "change". */
class PlayerBar extends HTMLElement {
  #song = null;
  #line;
  #bar;

  connectedCallback() {
    this.audio = el("audio", { controls: true, preload: "none" });
    this.#line = el("p", { class: "l-playing" });
    this.#bar = el(
      "section",
      { class: "l-player z-card", "aria-label": "Player", hidden: true },
      this.#line,
      this.audio,
    );
    this.append(this.#bar);
    this.audio.addEventListener("play", () => begins(this));
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.#changed());
    this.audio.addEventListener("error", () => this.#failed());
  }

  /** The id of the song that plays or was played last. */
  get song() {
    return this.#song;
  }

  get playing() {
    return !this.audio.paused && !this.audio.ended;
  }

  isPlaying(id) {
    return this.playing && this.#song === id;
  }

  /** Play a song, or where it is that one already, pause or go on. */
  toggle(song) {
    if (song.id !== this.#song || this.audio.error) return this.play(song);
    return this.playing ? this.pause() : this.audio.play().catch(() => {});
  }

  /** Resolves to whether it plays. */
  play(song) {
    this.#song = song.id;
    this.name = [song.artist, song.title].filter(Boolean).join(" – ");
    this.#line.textContent = this.name;
    this.#bar.hidden = false;
    this.audio.src = librarySound(song.id);
    return this.audio.play().then(
      () => true,
      () => false,
    );
  }

  pause() {
    this.audio.pause();
  }

  stop() {
    this.pause();
    this.#bar.hidden = true;
    this.#song = null;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #failed() {
    if (!this.audio.getAttribute("src") || this.#song === null) return;
    this.#line.textContent = `${this.name}: this browser can’t play the file, or it is not there any more.`;
  }
}

customElements.define("zhanr-player", PlayerBar);

/** @type {PlayerBar} */
export const playerBar = document.querySelector("zhanr-player");
