// Songs of the library that sound like one, below its card.

import { el, icon, PAUSE, PLAY } from "./dom.js";

export class SimilarSongs {
  #buttons = new Map();

  /** `songs` as the server gives them; `play(song)` is called for a press on a button. */
  constructor(songs, colours, play) {
    this.node = el(
      "section",
      { class: "similar" },
      el("h3", {}, "Similar songs in your library"),
      el("ul", {}, ...songs.map((song) => this.#item(song, colours, play))),
    );
  }

  /** Show which of them plays: the one whose id `plays`. */
  mark(plays) {
    for (const [id, { button, name }] of this.#buttons) {
      button.setAttribute("aria-label", `${plays(id) ? "Pause" : "Play"} ${name}`);
      button.replaceChildren(icon(plays(id) ? PAUSE : PLAY));
    }
  }

  #item(song, colours, play) {
    const name = [...new Set([song.artist, song.title])].filter(Boolean).join(" – ");
    const button = el("button", { type: "button", class: "play small", onclick: () => play(song) });
    this.#buttons.set(song.id, { button, name });
    const file = el("small", {}, el("bdi", {}, song.file));
    return el(
      "li",
      { style: { "--colour": colours[song.genre] ?? "var(--muted)" } },
      button,
      el("span", { class: "title" }, el("bdi", {}, name), file),
      song.genre ? el("span", { class: "chip" }, song.genre) : null,
    );
  }
}
