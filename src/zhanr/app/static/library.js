// The library: a filter, a chart of genres, and a table of all songs.

import { get, reason } from "./api.js";
import { clock, el, icon, PAUSE, percent } from "./dom.js";
import { chip, empty, heading, liveLine, many, playButton, scanned } from "./library_parts.js";
import { playerBar } from "./player_bar.js";
import { RowTable } from "./rowtable.js";
import { settings } from "./settings.js";

const LOOK_AGAIN = 5000; // milliseconds
const EXAMPLES = [
  "genre=jazz confidence<0.6",
  'artist~"miles davis"',
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
    const asked = new URLSearchParams(location.search);
    this.q = asked.get("q") ?? "";
    this.pick = asked.get("pick") ?? "";
    this.order = asked.get("order") ?? "path";
    this.table = new RowTable({
      label: "Songs",
      columns: this.#columns(),
      fetchRows: (start, count) => this.#rows(start, count),
      act: (row) => this.#play(row),
      sorted: (order) => this.#ask({ order }),
      rowClass: (row) => (row.gone ? "l-gone" : row.error && !row.genre ? "l-failed" : ""),
    });
    this.append(
      document.createElement("zhanr-scan"),
      this.#form(),
      this.#chart(),
      (this.status = liveLine("l-status")),
      (this.changed = this.#notice()),
      this.table.node,
    );
    playerBar.addEventListener("change", this.redraw);
    this.#ask({});
    this.timer = setInterval(() => this.#lookAgain(), LOOK_AGAIN);
  }

  redraw = () => this.table.redraw();

  disconnectedCallback() {
    clearInterval(this.timer);
    playerBar.removeEventListener("change", this.redraw);
  }

  #form() {
    this.input = el("input", {
      type: "search",
      id: "filter",
      class: "l-input",
      value: this.q,
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "genre=jazz confidence<0.6",
      "aria-describedby": "filter-error",
    });
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
      el("summary", {}, "How to filter"),
      el(
        "p",
        {},
        "Conditions with spaces between them must all hold; ! before one turns it round. ",
        "Fields: genre, tag, artist, album, title, path, reason, confidence, duration, size, scanned. Try one:",
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
      el("label", { for: "filter", class: "z-hidden" }, "Filter"),
      this.input,
      el("button", { class: "z-button primary" }, "Filter"),
      this.error,
      help,
    );
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
      { title: el("span", { class: "z-hidden" }, "Play"), class: "c-play", cell: (row) => this.#playCell(row) },
      { title: "Title", sort: "title", class: "c-title", cell: (row) => this.#titleCell(row) },
      { title: "Genre", sort: "genre", class: "c-genre", cell: (row) => this.#genreCell(row) },
      {
        title: "Sure",
        sort: "confidence",
        largeFirst: true,
        class: "c-sure",
        cell: (row) => (row.confidence == null ? "" : percent(row.confidence)),
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
    return el("div", { class: "c-two" }, el("span", {}, row.title), el("span", { class: "l-faint" }, below));
  }

  #genreCell(row) {
    if (row.gone) return "";
    if (row.genre) return chip(row.genre, row.yours ? "yours" : "");
    if (row.error) return el("span", { class: "l-bad", title: row.error }, row.error);
    return el("span", { class: "l-faint", title: row.reason ?? "" }, row.best ? `not sure: ${row.best}?` : "not sure");
  }

  #play(row) {
    if (row.gone) return;
    playerBar.toggle(row);
  }

  async #ask(change) {
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
      this.#show(found);
      this.error.textContent = "";
      this.input.removeAttribute("aria-invalid");
      const state = Object.entries({
        q: this.q,
        pick: this.pick,
        order: this.order === "path" ? "" : this.order,
      }).filter(([, v]) => v);
      history.replaceState(history.state, "", state.length ? `?${new URLSearchParams(state)}` : location.pathname);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.error.textContent = reason(error);
      this.input.setAttribute("aria-invalid", "true");
    }
    this.setAttribute("aria-busy", "false");
  }

  #show(found) {
    this.view = found.view;
    this.version = found.version;
    this.changed.hidden = true;
    if (!found.all && !this.q && !this.pick) {
      this.replaceChildren(heading("Library"), empty());
      return;
    }
    this.table.reset(found.total, found.rows);
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
    const most = Math.max(1, ...rows.map((row) => row[2]));
    this.bars.replaceChildren(
      ...rows.map(([pick, name, n, shade]) => {
        const chosen = this.pick === pick;
        const toggle = () =>
          this.#ask({ pick: chosen ? "" : pick }).then(() =>
            this.bars.querySelector(`[data-pick="${CSS.escape(pick)}"]`)?.focus(),
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
              style: { "--genre": shade ?? settings.not_sure, "--share": n / most },
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
