// Asking the server for JSON, and what the library's pages share.

import { el, icon } from "./dom.js";
import { Refused, librarySound } from "./server.js";

export const PLAY = "M8 5.14v13.72a1 1 0 0 0 1.52.85l10.9-6.86a1 1 0 0 0 0-1.7L9.52 4.29A1 1 0 0 0 8 5.14z";
export const PAUSE = "M7 5h3.5v14H7zM13.5 5H17v14h-3.5z";

export async function get(path, values = {}, signal) {
  return answer(await fetch(`${path}?${new URLSearchParams(values)}`, { signal }));
}

export async function post(path, values = {}) {
  return answer(await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(values) }));
}

async function answer(response) {
  let body = null;
  try { body = await response.json(); } catch { /* no JSON */ }
  if (!response.ok || body === null) throw new Refused(response.status, body?.detail ?? `The server answered with error ${response.status}.`);
  if (body.refused) throw new Refused(response.status, body.refused);
  return body;
}

/** What went wrong in words; nothing where a request was given up. */
export const reason = (error) =>
  error.name === "AbortError" ? "" : error instanceof Refused ? error.message : "The server can’t be reached.";

/** The attributes `data-...` of an element, which are JSON. */
export const given = (element) => Object.fromEntries(Object.entries(element.dataset).map(([name, text]) => [name, JSON.parse(text)]));

/** A line that screen readers read out when it changes, and that can be seen if it has a class. */
export const liveLine = (name = "z-hidden") => el("p", { class: name, role: "status", "aria-live": "polite" });

/** A genre with its colour; `look` has the colours. */
export function chip(genre, look, note = "") {
  return el("span", { class: "l-chip", style: `--genre: ${look.colours[genre] ?? look.unsure}` }, genre, note && el("span", { class: "l-note" }, note));
}

export const many = (n, one, more = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : more}`;

/** The bar at the bottom that plays one song of the library; `told(id, playing)` hears of it. */
export class SongPlayer {
  constructor(told = () => {}) {
    this.id = null;
    this.audio = el("audio", { controls: true, preload: "none" });
    this.title = el("p", { class: "l-playing" });
    this.node = el("section", { class: "l-player z-card", "aria-label": "Player", hidden: true }, this.title, this.audio);
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => told(this.id, this.playing));
    this.audio.addEventListener("error", () => this.#failed());
  }

  get playing() { return !this.audio.paused && !this.audio.ended; }

  /** Play a song, or where it is that one already, pause or go on. */
  toggle(song) {
    if (song.id === this.id && !this.audio.error) {
      if (this.playing) this.audio.pause();
      else this.audio.play().catch(() => {});
      return;
    }
    this.play(song);
  }

  play(song) {
    this.id = song.id;
    this.name = [song.artist, song.title].filter(Boolean).join(" – ");
    this.title.textContent = this.name;
    this.node.hidden = false;
    this.audio.src = librarySound(song.id);
    return this.audio.play().then(() => true, () => false);
  }

  stop() {
    this.audio.pause();
    this.node.hidden = true;
    this.id = null;
  }

  #failed() {
    if (!this.audio.getAttribute("src") || this.id === null) return;
    this.title.textContent = `${this.name}: this browser can’t play the file, or it is not there any more.`;
  }
}

export function playButton(label, onclick) {
  const button = el("button", { type: "button", class: "l-play", tabindex: -1, "aria-label": label, onclick });
  button.append(icon(PLAY));
  return button;
}

/** Say how to scan, where a library is there but empty. */
export function empty(scan) {
  return el("section", { class: "z-card l-empty" },
    el("h2", {}, "The library is empty"),
    el("p", {}, "Let zhanr listen to your music once. In a terminal:"),
    el("pre", {}, scan),
    el("p", {}, "Then come back and reload this page."));
}
