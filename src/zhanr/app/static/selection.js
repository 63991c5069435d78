// The songs of the table that are chosen, and what can be done to all of them at once.

import { get, post, reason } from "./api.js";
import { go } from "./app.js";
import { el, many } from "./dom.js";
import { genreForm } from "./genres.js";
import { liveLine } from "./library_parts.js";
import { playerBar } from "./player_bar.js";

const MOST_NAMED = 150; // songs that an address can name one by one

export class Selection {
  #chosen = new Map(); // id -> row
  #all = false; // everything that the search picks
  #search = { q: "", pick: "", total: 0 };
  said;
  changed;

  /** `said()` after the person chose, `changed()` after the library was changed. */
  constructor({ said, changed }) {
    Object.assign(this, { said, changed });
    this.headBox = this.#checkbox("All songs of this list", (on) => this.#takeAll(on));
    this.count = el("span", { class: "s-count" });
    this.live = liveLine("l-said");
    this.error = el("p", { class: "l-error", role: "alert" });
    this.bar = el("div", { class: "s-bar z-card", hidden: true }, this.count, ...this.#actions());
    this.node = el("section", { "aria-label": "Chosen songs" }, this.bar, this.live, this.error);
  }

  /** Which search the table shows; another one ends the choice of everything. */
  over(search) {
    if (search.q !== this.#search.q || search.pick !== this.#search.pick) this.clear();
    this.#search = search;
    this.#draw();
  }

  /** The box of a row. */
  box(row) {
    if (row.gone) return "";
    const box = this.#checkbox(`Choose ${row.title}`, (on) => this.#take(row, on));
    box.checked = this.#all || this.#chosen.has(row.id);
    return box;
  }

  clear() {
    this.#chosen.clear();
    this.#all = false;
    this.#draw();
  }

  get size() {
    return this.#all ? this.#search.total : this.#chosen.size;
  }

  #take(row, on) {
    if (this.#all) this.clear();
    if (on) this.#chosen.set(row.id, row);
    else this.#chosen.delete(row.id);
    this.#draw();
    this.said();
  }

  #takeAll(on) {
    this.clear();
    this.#all = on;
    this.#draw();
    this.said();
  }

  #draw() {
    this.bar.hidden = !this.size;
    this.headBox.checked = this.#all;
    this.headBox.indeterminate = !this.#all && this.#chosen.size > 0;
    this.count.textContent = many(this.size, "song");
  }

  #checkbox(label, changed) {
    const box = /** @type {HTMLInputElement} */ (el("input", { type: "checkbox", "aria-label": label }));
    box.addEventListener("change", () => changed(box.checked));
    return box;
  }

  #actions() {
    const button = (text, onclick) => el("button", { type: "button", class: "z-button", onclick }, text);
    const about = { label: "Genre for the chosen songs", button: "Correct" };
    return [
      genreForm((genre) => this.#correct(genre), about).form,
      button("Accept the likeliest", () => this.#correct(null)),
      button("Play", () => this.#play()),
      button("Playlist", () => this.#export("m3u")),
      button("Table", () => this.#export("csv")),
      button("Plan tags", () => this.#plan()),
      button("Choose none", () => {
        this.clear();
        this.said();
      }),
    ];
  }

  /** As the server takes it. */
  #wanted() {
    const { q, pick } = this.#search;
    return this.#all ? { q, pick } : { ids: [...this.#chosen.keys()] };
  }

  async #correct(genre) {
    this.error.textContent = "";
    try {
      const { changed, before } = await post("/library/correct", { ...this.#wanted(), genre });
      const undo = el("button", { type: "button", class: "l-link", onclick: () => this.#restore(before) }, "Take back");
      const what = genre ? `${changed === 1 ? "is" : "are"} now ${genre}` : "accepted as what is likeliest";
      this.live.replaceChildren(`${many(changed, "song")} ${what}. `, ...(changed ? [undo] : []));
      this.clear();
      this.changed();
    } catch (error) {
      this.error.textContent = reason(error);
    }
  }

  async #restore(before) {
    try {
      const { changed } = await post("/library/restore", { before });
      this.live.textContent = `Taken back for ${many(changed, "song")}.`;
      this.changed();
    } catch (error) {
      this.error.textContent = reason(error);
    }
  }

  async #play() {
    const { q, pick } = this.#search;
    const chosen = [...this.#chosen.values()];
    const at = this.#all
      ? async (i) => (await get("/library/rows", { q, pick, start: i, count: 1 })).rows[0] ?? null
      : async (i) => chosen[i] ?? null;
    const first = await at(0);
    if (first) playerBar.play(first, { index: 0, at });
  }

  #export(form) {
    const { ids, ...search } = this.#wanted();
    const asked = new URLSearchParams({ form, ...(ids ? { ids: ids.join(",") } : search) });
    el("a", { href: `/library/export?${asked}`, download: "" }).click();
  }

  /** To the page of tags, with these songs as its filter. */
  #plan() {
    const { ids, q, pick } = this.#wanted();
    if (ids && ids.length > MOST_NAMED) {
      this.error.textContent = `Choose at most ${MOST_NAMED} songs one by one, or all songs of a search.`;
      return;
    }
    const [kind, genre] = [pick?.split(":")[0], pick?.slice(pick.indexOf(":") + 1)];
    const bar = { genre: `genre="${genre}"`, unsure: "unsure", failed: "error" }[kind] ?? "";
    go(`/tags?${new URLSearchParams({ q: ids ? `id=${ids.join(",")}` : `${q} ${bar}`.trim() })}`);
  }
}
