// The library: a search, a chart of genres, and a table of all songs, of which one can be opened and many be chosen.

import { get, reason } from "./api.js";
import { clock, el, find, icon, many, PAUSE, percent } from "./dom.js";
import { chip, quoted } from "./genres.js";
import { empty, heading, liveLine, playButton, scanned } from "./library_parts.js";
import { playerBar } from "./player_bar.js";
import { RowTable } from "./rowtable.js";
import { Selection } from "./selection.js";
import { settings } from "./settings.js";
import { SongPanel } from "./song_panel.js";

const LOOK_AGAIN = 5000; // milliseconds
const FIELDS = [
  "genre=",
  "style=",
  "tag=",
  "artist~",
  "album~",
  "title~",
  "path~",
  "confidence<",
  "duration>",
  "scanned>",
];
const FLAGS = ["unsure", "corrected", "tagged", "warning", "error", "missing"];
const EXAMPLES = [
  "miles davis",
  "genre=jazz confidence<0.6",
  'album~"kind of blue"',
  "style=punk",
  "unsure",
  "corrected",
  "path~live",
  "duration>10:00",
  "error",
];

class LibraryPage extends HTMLElement {
  async connectedCallback() {
    this.append(heading("Library"));
    if (!(await scanned(this)) || !this.isConnected) return;
    this.#readAddress();
    this.selection = new Selection({
      said: () => this.table.redraw(),
      changed: () => this.#ask({}, { keepPlace: true }),
    });
    this.panel = new SongPanel({ changed: () => this.#ask({}, { keepPlace: true }) });
    this.table = new RowTable({
      label: "Songs",
      columns: this.#columns(),
      fetchRows: (start, count) => this.#rows(start, count),
      act: (row, index, event) => this.#act(row, index, event),
      sorted: (order) => this.#ask({ order }),
      rowClass: (row) => (row.gone ? "l-gone" : row.error && !row.genre ? "l-failed" : ""),
    });
    this.append(
      document.createElement("zhanr-scan"),
      this.#form(),
      this.#chart(),
      (this.status = liveLine("l-status")),
      (this.changed = this.#notice()),
      this.selection.node,
      this.table.node,
      this.panel.node,
    );
    playerBar.addEventListener("change", this.redraw);
    this.#ask({});
    this.timer = setInterval(() => this.#lookAgain(), LOOK_AGAIN);
  }

  redraw = () => this.table.redraw();

  /** Back and Forward go through what was searched for and how it was sorted. */
  revisited() {
    this.#readAddress();
    if (!this.input) return;
    this.input.value = this.q;
    this.#ask({}, { history: false });
  }

  #readAddress() {
    const asked = new URLSearchParams(location.search);
    this.q = asked.get("q") ?? "";
    this.pick = asked.get("pick") ?? "";
    this.order = asked.get("order") ?? "path";
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    playerBar.removeEventListener("change", this.redraw);
    this.panel?.node.close();
  }

  #form() {
    this.input = el("input", {
      type: "search",
      id: "filter",
      class: "l-input",
      value: this.q,
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "Title, artist, album or file",
      list: "filter-fields",
      "aria-describedby": "filter-error",
    });
    this.completions = el("datalist", { id: "filter-fields" });
    this.input.addEventListener("input", () => this.#complete());
    this.#complete();
    this.error = el("p", { class: "l-error", id: "filter-error", role: "alert" });
    const submit = (event) => {
      event.preventDefault();
      this.#ask({ q: this.input.value.trim() });
    };
    this.input.addEventListener("search", () => {
      if (!this.input.value && this.q) this.#ask({ q: "" });
    });
    const help = el(
      "details",
      { class: "l-help" },
      el("summary", {}, "How to search"),
      el(
        "p",
        {},
        "Words are looked for in title, artist, album and file. Conditions say more: all must hold, and ! before one ",
        "turns it round. Fields: genre, style, tag, artist, album, title, path, confidence, duration, size, scanned. ",
        "Try:",
      ),
      el(
        "p",
        { class: "l-examples" },
        ...EXAMPLES.map((text) =>
          el(
            "button",
            {
              type: "button",
              onclick: () => {
                this.input.value = text;
                this.#ask({ q: text });
              },
            },
            text,
          ),
        ),
      ),
    );
    return el(
      "form",
      { class: "l-filter", role: "search", onsubmit: submit },
      el("label", { for: "filter", class: "z-hidden" }, "Search"),
      this.input,
      this.completions,
      el("button", { class: "z-button primary" }, "Search"),
      this.error,
      help,
    );
  }

  /** Offer what the last word of the search can become; what stands before it stays. */
  #complete() {
    const [before] = this.input.value.match(/^(.*\s)?/);
    const said = (field, names) => names.map((name) => `${field}=${quoted(name)}`);
    const words = [...FIELDS, ...said("genre", settings.genres), ...said("style", settings.styles), ...FLAGS];
    this.completions.replaceChildren(...words.map((word) => el("option", { value: `${before ?? ""}${word}` })));
  }

  #chart() {
    this.bars = el("ul", { class: "l-bars" });
    return el("section", { class: "z-card l-chart", "aria-label": "Genres" }, this.bars);
  }

  #notice() {
    return el(
      "p",
      { class: "l-notice", role: "status", hidden: true },
      "The library has changed. ",
      el("button", { type: "button", class: "l-link", onclick: () => this.#ask({}) }, "Show it as it is now"),
    );
  }

  #columns() {
    return [
      { title: this.selection.headBox, class: "c-pick", cell: (row) => this.selection.box(row) },
      { title: el("span", { class: "z-hidden" }, "Play"), class: "c-play", cell: (row) => this.#playCell(row) },
      { title: "Title", sort: "title", class: "c-title", cell: (row) => this.#titleCell(row) },
      { title: "Genre, styles", sort: "genre", class: "c-genre", cell: (row) => this.#genreCell(row) },
      {
        title: "Sure",
        sort: "confidence",
        largeFirst: true,
        class: "c-sure",
        cell: (row) => (row.confidence == null || row.yours ? "" : percent(row.confidence)),
      },
      { title: "Tag", sort: "tag", class: "c-tag wide", cell: (row) => row.tag ?? "" },
      {
        title: "Length",
        sort: "duration",
        largeFirst: true,
        class: "c-length wide",
        cell: (row) => (row.duration == null ? "" : clock(row.duration)),
      },
      {
        title: "File",
        sort: "path",
        class: "c-path wide",
        cell: (row) => el("bdi", { title: row.path ?? "" }, row.path ?? ""),
      },
    ];
  }

  #playCell(row) {
    if (row.gone) return "";
    const playing = playerBar.isPlaying(row.id);
    const button = playButton(`${playing ? "Pause" : "Play"} ${row.title}`);
    if (playing) button.replaceChildren(icon(PAUSE));
    return button;
  }

  #titleCell(row) {
    if (row.gone) return el("em", {}, "not in the library any more");
    const below = [row.artist, row.album].filter(Boolean).join(" · ");
    return el("div", { class: "c-two" }, el("bdi", {}, row.title), el("bdi", { class: "l-faint" }, below));
  }

  #genreCell(row) {
    if (row.gone) return "";
    if (row.error && !row.genre) return el("span", { class: "l-bad", title: row.error }, row.error);
    const unsure = row.best ? `not sure: ${row.best}?` : "not sure";
    const genre = row.genre
      ? chip(row.genre, row.yours ? "yours" : "")
      : el("span", { class: "l-faint", title: row.reason ?? "" }, unsure);
    if (!row.styles.length) return genre;
    const styles = row.styles.map(({ name }) => name).join(", ");
    return el("div", { class: "c-two" }, genre, el("span", { class: "l-faint", title: styles }, styles));
  }

  /** The round button and the space bar play; all else opens the song. */
  #act(row, index, event) {
    if (row.gone || event.target.closest?.(".c-pick")) return;
    if (event.key === " " || event.target.closest?.(".c-play")) playerBar.toggle(row, this.#queue(index));
    else this.panel.open(row, this.#queue(index));
  }

  /** What is played after a song: the list as it is now, also when the page is left. */
  #queue(index) {
    const { q, pick, order, view } = this;
    const at = async (i) => {
      const { rows } = await get("/library/rows", { q, pick, order, view, start: i, count: 1 });
      return rows[0] ?? null;
    };
    return { index, at };
  }

  /** Look up what `change` makes of the search; an own step of Back where it changes anything. */
  async #ask(change, { history: remember = true, keepPlace = false } = {}) {
    Object.assign(this, change);
    this.giveUp?.abort();
    this.giveUp = new AbortController();
    this.table.setOrder(this.order);
    this.setAttribute("aria-busy", "true");
    try {
      const found = await get(
        "/library/rows",
        { q: this.q, pick: this.pick, order: this.order, count: 100 },
        this.giveUp.signal,
      );
      this.#show(found, keepPlace);
      this.error.textContent = "";
      this.input.removeAttribute("aria-invalid");
      if (remember) this.#writeAddress();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.error.textContent = reason(error);
      this.input.setAttribute("aria-invalid", "true");
    }
    this.setAttribute("aria-busy", "false");
  }

  #writeAddress() {
    const order = this.order === "path" ? "" : this.order;
    const state = Object.entries({ q: this.q, pick: this.pick, order }).filter(([, value]) => value);
    const query = state.length ? `?${new URLSearchParams(state)}` : "";
    if (query !== location.search) history.pushState({}, "", query || location.pathname);
  }

  #show(found, keepPlace) {
    this.view = found.view;
    this.version = found.version;
    this.changed.hidden = true;
    if (!found.all && !this.q && !this.pick) {
      this.replaceChildren(heading("Library"), empty());
      return;
    }
    this.selection.over({ q: this.q, pick: this.pick, total: found.total });
    if (keepPlace) this.table.refresh(found.total);
    else this.table.reset(found.total, found.rows);
    this.#drawBars(found);
    const failed = found.failed && !this.pick ? `, ${found.failed.toLocaleString("en")} of them could not be read` : "";
    this.status.textContent = found.total ? `${many(found.total, "song")}${failed}` : "No song is like that";
  }

  async #rows(start, count) {
    const found = await get("/library/rows", {
      q: this.q,
      pick: this.pick,
      order: this.order,
      view: this.view,
      start,
      count,
    });
    this.view = found.view ?? this.view; // the server may have forgotten the list
    return found;
  }

  #drawBars({ genres, unsure, failed }) {
    const rows = genres.map(([genre, n]) => [`genre:${genre}`, genre, n, settings.colours[genre]]);
    if (unsure) rows.push(["unsure", "not sure", unsure]);
    if (failed) rows.push(["failed", "unreadable", failed]);
    const most = Math.max(1, ...genres.map(([, n]) => n)); // bars are for comparing genres, not with "not sure"
    this.bars.replaceChildren(
      ...rows.map(([pick, name, n, shade]) => {
        const chosen = this.pick === pick;
        const toggle = () =>
          this.#ask({ pick: chosen ? "" : pick }).then(() =>
            find(this.bars, `[data-pick="${CSS.escape(pick)}"]`)?.focus(),
          );
        return el(
          "li",
          {},
          el(
            "button",
            {
              type: "button",
              class: "l-bar",
              "aria-pressed": chosen,
              "data-pick": pick,
              onclick: toggle,
              style: { "--genre": shade ?? settings.not_sure, "--share": shade ? n / most : 0 },
            },
            el("span", { class: "l-name" }, name),
            el("span", { class: "l-length", "aria-hidden": "true" }),
            el("span", { class: "l-count" }, n.toLocaleString("en")),
          ),
        );
      }),
    );
  }

  async #lookAgain() {
    if (document.hidden || !this.version) return;
    try {
      const { version } = await get("/library/version");
      this.changed.hidden = version === this.version;
    } catch {
      /* the next time */
    }
  }
}

customElements.define("zhanr-library", LibraryPage);
