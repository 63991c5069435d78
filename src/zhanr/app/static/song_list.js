// Many songs: a summary that filters, a list that can be sorted, and the card of the song that is opened.

import { ask } from "./ask.js";
import { CLOSE, clock, el, find, focusedIn, icon, percent } from "./dom.js";
import { csv, json, m3u, save } from "./export.js";

/** @type {Record<string, [string, (a: any, b: any) => number]>} */
const ORDERS = {
  added: ["Newest first", (a, b) => b.added - a.added],
  name: ["Name", (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true })],
  genre: ["Genre", (a, b) => genreKey(a).localeCompare(genreKey(b)) || sureness(b) - sureness(a)],
  sure: ["Most certain first", (a, b) => sureness(b) - sureness(a)],
  doubt: ["Least certain first", (a, b) => sureness(a) - sureness(b)],
  length: ["Longest first", (a, b) => (b.answer?.duration ?? 0) - (a.answer?.duration ?? 0)],
};
/** @type {Record<string, [string, string, (songs: any[]) => string]>} */
const FILES = {
  csv: ["CSV", "text/csv", csv],
  json: ["JSON", "application/json", json],
  m3u: ["M3U", "audio/x-mpegurl", m3u],
};

const likeliest = (answer) => Object.keys(answer.probabilities)[0];
const sureness = (song) => song.answer?.confidence ?? -1;
const genreKey = (song) => song.answer?.genre ?? (song.answer ? "\uffff" : "\uffff\uffff");

/** What a song is listed under: its genre, "unsure", "failed" or "busy". */
const kind = (song) => {
  if (song.busy) return "busy";
  if (song.state === "failed") return "failed";
  return song.answer.genre ? `genre:${song.answer.genre}` : "unsure";
};

/** Events: "close", whose detail is the songs to remove. */
export class SongList extends EventTarget {
  #songs = [];
  #rows = new Map(); // of a song: {node, draw}
  #look;
  #card;
  #open = null; // {song, card}
  #frame = 0;
  #pick = "";

  /** `look` is {colours, not_sure}; `card(song)` makes the card that a row opens to. */
  constructor(look, card) {
    super();
    this.#look = look;
    this.#card = card;
    this.summary = el("h2", { class: "s-summary" });
    this.picks = el("div", { class: "s-picks", role: "group", "aria-label": "Show" });
    this.order = el(
      "select",
      { class: "l-input", "aria-label": "Order", onchange: () => this.draw() },
      ...Object.entries(ORDERS).map(([value, [name]]) => el("option", { value }, name)),
    );
    this.rows = el("ul", { class: "s-rows", "aria-label": "Songs" });
    this.node = el("section", { class: "s-list z-card", hidden: true }, this.#head(), this.picks, this.rows);
  }

  /** Show these songs, and follow them. */
  show(songs) {
    const now = new Set(songs);
    for (const [song, row] of this.#rows) {
      if (now.has(song)) continue;
      if (this.#open?.song === song) this.#shut();
      song.removeEventListener("change", row.draw);
      row.node.remove();
      this.#rows.delete(song);
    }
    for (const song of songs) if (!this.#rows.has(song)) this.#rows.set(song, this.#row(song));
    this.#songs = songs;
    this.draw();
  }

  close() {
    cancelAnimationFrame(this.#frame);
    this.show([]);
    cancelAnimationFrame(this.#frame);
  }

  /** Draw summary and order again, once a frame however many songs have changed. */
  draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  /** Show all of them, the newest first. */
  first() {
    this.#pick = "";
    this.order.value = "added";
    this.draw();
  }

  /** Show which similar song plays, in the card that is open. */
  mark(plays) {
    this.#open?.card.mark(plays);
  }

  #head() {
    const files = Object.entries(FILES).map(([suffix, [name, type, write]]) => {
      const onclick = () => save(`zhanr.${suffix}`, type, write(this.#shown()));
      return el("button", { type: "button", class: "z-button small", "aria-label": `Save as ${name}`, onclick }, name);
    });
    this.clear = el("button", { type: "button", class: "z-button small", onclick: () => this.#ask() }, "Remove all…");
    return el(
      "div",
      { class: "s-head" },
      this.summary,
      el("div", { class: "s-tools" }, this.order, ...files, this.clear),
    );
  }

  async #ask() {
    const songs = this.#shown();
    const which = songs.length < this.#songs.length ? "these" : "all";
    const question = `Remove ${which} ${songs.length.toLocaleString("en")} songs?`;
    const note = "Their answers are forgotten. The files on your disk stay as they are.";
    if (await ask(question, note, "Remove")) this.dispatchEvent(new CustomEvent("close", { detail: songs }));
  }

  /** The songs that are listed, in their order. */
  #shown() {
    const picked = this.#pick ? this.#songs.filter((song) => kind(song) === this.#pick) : [...this.#songs];
    return picked.sort(ORDERS[this.order.value][1]);
  }

  #draw() {
    const counts = Map.groupBy(this.#songs, kind);
    const n = (what) => counts.get(what)?.length ?? 0;
    if (this.#pick && !n(this.#pick)) this.#pick = "";
    const total = this.#songs.length;
    const genres = [...counts.keys()].filter((what) => what.startsWith("genre:"));
    genres.sort((a, b) => n(b) - n(a) || a.localeCompare(b));
    const done = total - n("busy");
    const [most] = genres;
    this.summary.textContent = [
      done < total
        ? `${done.toLocaleString("en")} of ${total.toLocaleString("en")}`
        : `${total.toLocaleString("en")} songs`,
      most && `${n(most).toLocaleString("en")} ${most.slice(6)}`,
      n("unsure") && `${n("unsure").toLocaleString("en")} not sure`,
      n("failed") && `${n("failed").toLocaleString("en")} failed`,
    ]
      .filter(Boolean)
      .join(", ");
    this.#drawPicks(
      ["", ...genres, "unsure", "failed", "busy"].filter((what) => !what || n(what)),
      n,
      total,
    );
    this.#place();
  }

  #drawPicks(kinds, n, total) {
    const names = { "": "All", unsure: "not sure", failed: "failed", busy: "in progress" };
    const focused = focusedIn(this.picks, "pick");
    this.picks.replaceChildren(
      ...kinds.map((what) => {
        const genre = what.startsWith("genre:") ? what.slice(6) : null;
        const onclick = () => {
          this.#pick = what;
          this.#draw();
        };
        return el(
          "button",
          {
            type: "button",
            "data-pick": what,
            "aria-pressed": what === this.#pick,
            class: genre || what === "unsure" ? "dot" : "",
            style: { "--colour": genre ? (this.#look.colours[genre] ?? this.#look.not_sure) : this.#look.not_sure },
            onclick,
          },
          genre ?? names[what],
          el("span", { class: "l-count" }, (what ? n(what) : total).toLocaleString("en")),
        );
      }),
    );
    if (focused !== null) find(this.picks, `[data-pick="${CSS.escape(focused)}"]`)?.focus();
  }

  /** Put the rows in their order; those that are in their place already stay, and what has the focus keeps it. */
  #place() {
    const shown = this.#shown();
    const wanted = new Set(shown);
    for (const [song, { node }] of this.#rows) if (!wanted.has(song)) node.remove();
    let next = this.rows.firstElementChild;
    for (const song of shown) {
      const { node } = this.#rows.get(song);
      if (node === next) next = next.nextElementSibling;
      else this.rows.insertBefore(node, next);
    }
  }

  #row(song) {
    const cells = ["name", "state", "sure", "length"].map((name) => el("span", { class: `s-${name}` }));
    const toggle = el("button", { type: "button", class: "s-toggle", "aria-expanded": false }, ...cells);
    const remove = el(
      "button",
      {
        type: "button",
        class: "close",
        "aria-label": `Remove ${song.name}`,
        onclick: () => this.#remove(song),
      },
      icon(CLOSE, { filled: false }),
    );
    const node = el("li", { class: "s-row" }, el("div", { class: "s-line" }, toggle, remove));
    toggle.addEventListener("click", () => this.#toggle(song));
    cells[0].append(el("bdi", {}, song.name));
    const draw = () => {
      this.#fill(song, node, cells);
      this.draw();
    };
    this.#fill(song, node, cells);
    song.addEventListener("change", draw);
    return { node, toggle, draw };
  }

  #fill(song, node, cells) {
    const [, state, sure, length] = cells;
    const { answer } = song;
    node.dataset.kind = kind(song);
    node.setAttribute("aria-busy", String(song.busy));
    node.style.setProperty("--colour", this.#look.colours[answer?.genre] ?? this.#look.not_sure);
    const words = answer
      ? (answer.genre ?? `not sure: ${likeliest(answer)}?`)
      : song.state === "failed"
        ? song.error
        : song.note;
    if (state.textContent !== words) state.textContent = words;
    state.title = song.error;
    sure.textContent = answer ? percent(answer.confidence) : "";
    length.textContent = answer ? clock(answer.duration) : "";
  }

  #remove(song) {
    const { node } = this.#rows.get(song);
    const next = node.nextElementSibling ?? node.previousElementSibling;
    this.dispatchEvent(new CustomEvent("close", { detail: [song] }));
    if (next) find(next, ".close")?.focus();
  }

  #toggle(song) {
    const again = this.#open?.song === song;
    this.#shut();
    if (again) return;
    const row = this.#rows.get(song);
    const card = this.#card(song);
    this.#open = { song, card };
    row.toggle.setAttribute("aria-expanded", "true");
    row.node.append(card.node);
  }

  #shut() {
    if (!this.#open) return;
    this.#rows.get(this.#open.song)?.toggle.setAttribute("aria-expanded", "false");
    this.#open.card.close();
    this.#open = null;
  }
}
