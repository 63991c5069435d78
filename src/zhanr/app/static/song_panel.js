// One song of the library, opened: what zhanr thinks of it, the person's word and the way back, what sounds like it.

import { get, librarySound, post, reason } from "./api.js";
import { go } from "./app.js";
import { CLOSE, el, icon, percent } from "./dom.js";
import { chip, genreButtons, genreForm, likely, styles } from "./genres.js";
import { byline, liveLine, place } from "./library_parts.js";
import { playerBar, queueOf } from "./player_bar.js";
import { songs } from "./songs.js";

export class SongPanel {
  #row = /** @type {any} */ (null);
  #queue = null;

  /** `changed()` after the person's word on the song was stored. */
  constructor({ changed }) {
    this.changed = changed;
    this.title = el("h2", { id: "panel-title" });
    this.body = el("div", { class: "p-body" });
    this.live = liveLine("l-said");
    this.error = el("p", { class: "l-error", role: "alert" });
    const close = el("button", {
      type: "button",
      class: "l-play",
      "aria-label": "Close",
      onclick: () => this.node.close(),
    });
    close.append(icon(CLOSE, { filled: false }));
    this.node = /** @type {HTMLDialogElement} */ (
      el(
        "dialog",
        { class: "p-panel", "aria-labelledby": "panel-title" },
        el("header", {}, this.title, close),
        this.body,
        this.live,
        this.error,
      )
    );
    this.node.addEventListener("close", () => document.removeEventListener("keydown", this.#key));
  }

  /** Escape closes it wherever the focus is, for what had it may be gone. */
  #key = (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) this.node.close();
  };

  /** Show a song of the table. */
  async open(row, queue) {
    this.#queue = queue;
    this.title.replaceChildren(el("bdi", {}, row.title));
    this.live.textContent = this.error.textContent = "";
    this.body.replaceChildren();
    if (!this.node.open) {
      this.node.show(); // not modal: the table and the player stay within reach
      document.addEventListener("keydown", this.#key);
    }
    await this.#try(async () => this.#show(await get(`/library/song/${row.id}`)));
    if (this.#row?.id === row.id && !this.#row.error) this.#similar(row.id);
  }

  async #try(work) {
    this.error.textContent = "";
    try {
      await work();
    } catch (error) {
      this.error.textContent = reason(error);
    }
  }

  #show(row) {
    this.#row = row;
    this.near = el("ol", { class: "m-near" });
    this.nearTitle = el("h3", { hidden: true }, "Sounds like");
    this.body.replaceChildren(
      ...[
        byline(row),
        place(row),
        this.#verdict(row),
        styles(row.styles),
        likely(row.top),
        this.#actions(row),
        row.error ? null : this.#words(row),
        this.nearTitle,
        this.near,
      ].filter((node) => node !== null),
    );
  }

  #verdict(row) {
    const said = row.error
      ? el("span", { class: "l-bad" }, row.error)
      : row.predicted
        ? el("span", {}, "zhanr says ", chip(row.predicted), ` ${percent(row.confidence)}`)
        : el("span", {}, row.reason ?? "zhanr is not sure");
    const word = row.correction ? el("span", {}, "Your word: ", chip(row.correction)) : null;
    const tag = row.tag ? el("span", {}, `Tag: ${row.tag}`) : null;
    return el("ul", { class: "r-doubts" }, ...[word, said, tag].filter(Boolean).map((part) => el("li", {}, part)));
  }

  #actions(row) {
    const button = (text, onclick, kind = "") =>
      el("button", { type: "button", class: `z-button ${kind}`, onclick }, text);
    return el(
      "div",
      { class: "r-actions" },
      button("Play", () => playerBar.toggle(row, this.#queue), "primary"),
      row.error ? null : button("Why, timeline", () => this.#try(() => this.#toCard(row))),
      row.correction ? button("Take your word back", () => this.#word(null)) : null,
      row.error ? null : el("a", { class: "z-button", href: `/tags?q=id%3D${row.id}` }, "Plan its tag"),
    );
  }

  #words(row) {
    const choose = (genre) => this.#word(genre);
    return el(
      "section",
      { class: "p-words", "aria-label": "Your word" },
      el("h3", {}, "It is"),
      genreButtons(choose, { now: row.correction ?? row.predicted }),
      genreForm(choose).form,
    );
  }

  #word(genre) {
    return this.#try(async () => {
      const { before, song } = await post("/review/word", { id: this.#row.id, genre });
      this.#show(song);
      this.#similar(song.id);
      const undo = el("button", { type: "button", class: "l-link", onclick: () => this.#word(before) }, "Undo");
      this.live.replaceChildren(genre ? `Stored: ${genre}. ` : "Your word is taken back. ", undo);
      this.changed();
    });
  }

  /** The first page shows everything of a song; it gets this one as if it had been dropped there. */
  async #toCard(row) {
    const response = await fetch(librarySound(row.id));
    if (!response.ok) throw new Error("The file can’t be read, or it is not there any more.");
    const name = row.path.split(/[\\/]/).at(-1);
    songs.add([new File([await response.blob()], name)]);
    this.node.close();
    await go("/");
  }

  async #similar(id) {
    try {
      const { near } = await get(`/map/near/${id}`);
      if (this.#row.id !== id || !near.length) return;
      this.nearTitle.hidden = false;
      this.near.replaceChildren(...near.map((row, i) => this.#nearItem(row, near, i)), this.#take(near));
    } catch {
      // a library of another model has no neighbours here
    }
  }

  #nearItem(row, near, i) {
    const open = () => this.open(row, queueOf(near, i));
    return el(
      "li",
      {},
      el(
        "button",
        { type: "button", class: "m-go", onclick: open },
        el("bdi", {}, row.title),
        el("bdi", { class: "l-faint" }, row.artist ?? ""),
      ),
      row.genre ? chip(row.genre) : el("span", { class: "l-faint" }, "not sure"),
    );
  }

  /** The song and those that sound like it, as a playlist. */
  #take(near) {
    const ids = [this.#row.id, ...near.map((row) => row.id)];
    return el(
      "li",
      { class: "r-actions" },
      el(
        "button",
        { type: "button", class: "z-button", onclick: () => playerBar.play(near[0], queueOf(near, 0)) },
        "Play these",
      ),
      el(
        "a",
        { class: "z-button", href: `/library/export?form=m3u&ids=${ids.join(",")}`, download: "" },
        "Save as playlist",
      ),
    );
  }
}
