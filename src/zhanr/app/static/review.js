// The review: one song at a time, the most doubtful first; one key for each answer, and a way back.

import { get, post, reason } from "./api.js";
import { el, icon, many, PAUSE, PLAY, percent } from "./dom.js";
import { chip, genreButtons, genreForm, likely, styles } from "./genres.js";
import { byline, empty, heading, liveLine, place, scanned } from "./library_parts.js";
import { playerBar } from "./player_bar.js";
import { settings } from "./settings.js";

const KEYS = "1234567890"; // of the genres in their order
const AHEAD = 20; // songs that are fetched together
const DONE = "zhanr-review"; // under which the browser keeps what can be undone, as long as its tab is open

const remembered = () => JSON.parse(sessionStorage.getItem(DONE) ?? "[]");
const remember = (done) => sessionStorage.setItem(DONE, JSON.stringify(done.slice(-200)));

class ReviewPage extends HTMLElement {
  #played = null; // the song that was played here last
  songs = new Map(); // by their place in the queue
  view = "";
  total = 0;
  doubtful = 0;

  async connectedCallback() {
    this.append(heading("Review"));
    if (!(await scanned(this)) || !this.isConnected) return;
    this.done = remembered(); // [{place, view, id, before}] to undo, also after a reload
    playerBar.addEventListener("change", this.redraw);
    this.live = liveLine("l-status");
    this.error = el("p", { class: "l-error", role: "alert" });
    this.card = el("section", { class: "z-card r-card", "aria-label": "Song", tabindex: -1 });
    this.auto = el("input", { type: "checkbox", id: "auto" });
    this.append(this.#form(), this.live, this.error, this.card, this.#keysHelp());
    this.listener = (event) => this.#key(event);
    document.addEventListener("keydown", this.listener);
    this.#start();
  }

  redraw = () => this.#drawPlay();

  disconnectedCallback() {
    document.removeEventListener("keydown", this.listener);
    playerBar.removeEventListener("change", this.redraw);
  }

  #toggle(song) {
    this.#played = song.id;
    playerBar.toggle(song);
  }

  #form() {
    this.input = el("input", {
      type: "search",
      class: "l-input",
      id: "only",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "only some: tagged path~live",
      "aria-label": "Filter",
    });
    return el(
      "form",
      {
        class: "l-filter",
        role: "search",
        onsubmit: (event) => {
          event.preventDefault();
          this.input.blur();
          this.#start();
        },
      },
      this.input,
      el("button", { class: "z-button" }, "Filter"),
      el("label", { class: "r-auto", for: "auto" }, this.auto, "Play each song"),
    );
  }

  #keysHelp() {
    /** @type {[string[], string][]} */
    const keys = [
      [["a"], "accept"],
      [["1", "0"], "choose a genre"],
      [["c"], "type a genre"],
      [["s"], "skip"],
      [["u"], "undo the last"],
      [["Space"], "play, pause"],
      [["←", "→"], "5 seconds back, on"],
    ];
    return el(
      "section",
      { class: "r-keys", "aria-label": "Keys" },
      el("h2", {}, "Keys"),
      el(
        "dl",
        {},
        ...keys.flatMap(([names, what]) => [
          el("dt", {}, ...names.flatMap((name, i) => [i ? (name === "0" ? " to " : " or ") : "", el("kbd", {}, name)])),
          el("dd", {}, what),
        ]),
      ),
    );
  }

  async #start() {
    Object.assign(this, { place: 0, songs: new Map(), view: "", total: 0, doubtful: 0 });
    const { songs } = this;
    await this.#show(0);
    if (this.error.textContent || songs !== this.songs) return;
    const doubtful = many(this.doubtful, "song needs", "songs need");
    const others = many(this.total - this.doubtful, "other");
    this.#say(this.total ? `${doubtful} your ear; ${others} after ${this.doubtful === 1 ? "it" : "them"}.` : "");
  }

  /** Fetch the songs around a place; false where another filter was asked for meanwhile. */
  async #fetch(place) {
    const { songs } = this;
    const start = place - (place % AHEAD);
    const found = await get("/review/songs", { q: this.input.value.trim(), view: this.view, start, count: AHEAD });
    if (songs !== this.songs) return false;
    Object.assign(this, { view: found.view, total: found.total, doubtful: found.doubtful });
    for (const [i, row] of found.rows.entries()) this.songs.set(start + i, row);
    return true;
  }

  /** Go to a place of the queue, past songs that are gone. */
  async #show(place) {
    this.error.textContent = "";
    try {
      if (!this.songs.has(place) && (place < this.total || !this.view) && !(await this.#fetch(place))) return;
    } catch (error) {
      this.error.textContent = reason(error);
      return;
    }
    if (this.songs.get(place)?.gone) return this.#show(place + 1);
    this.place = place;
    this.song = this.songs.get(place) ?? null;
    this.#draw();
    if (place + 5 < this.total && !this.songs.has(place + 5)) this.#fetch(place + 5).catch(() => {});
    if (this.song && this.auto.checked) {
      this.#played = this.song.id;
      playerBar.play(this.song);
    } else if (this.#played !== this.song?.id && this.#played === playerBar.song) playerBar.stop();
  }

  // -- what a person does

  /** The next thing is done when the last one is: quick fingers lose nothing. */
  #do(work) {
    this.queue = (this.queue ?? Promise.resolve()).then(work).catch((error) => {
      this.error.textContent = reason(error);
    });
    return this.queue;
  }

  answer(genre, what) {
    return this.#do(async () => {
      const song = this.song,
        name = genre ?? song?.predicted ?? song?.best;
      if (!song || !name) return;
      const { before, song: after } = await post("/review/word", { id: song.id, genre: name });
      this.#did({ id: song.id, title: song.title, before, after: after.correction });
      await this.#show(this.place + 1);
      this.#say(
        `${song.title}: ${what} ${name}.${this.song ? ` Next: ${this.#spoken()}` : " That was the last song."}`,
      );
    });
  }

  #did(what) {
    this.done.push({ place: this.place, view: this.view, ...what });
    remember(this.done);
  }

  skip() {
    return this.#do(async () => {
      if (!this.song) return;
      const { title } = this.song;
      this.#did({});
      await this.#show(this.place + 1);
      this.#say(`${title}: skipped.${this.song ? ` Next: ${this.#spoken()}` : " That was the last song."}`);
    });
  }

  undo() {
    return this.#do(async () => {
      const last = this.done.at(-1);
      if (!last) return this.#say("There is nothing to undo.");
      const here = last.view === this.view; // else the queue is another one by now
      if (last.id !== undefined) {
        const { song } = await post("/review/word", { id: last.id, genre: last.before });
        if (here) this.songs.set(last.place, song);
      }
      this.done.pop();
      remember(this.done);
      if (here) await this.#show(last.place);
      else await this.#start();
      this.#say(last.title ? `Taken back: ${last.title}. ${this.#spoken()}` : this.#spoken());
    });
  }

  #spoken() {
    const { title, artist, predicted, best, confidence } = this.song ?? {};
    if (!title) return "";
    return `${title}${artist ? ` by ${artist}` : ""}, ${predicted ?? `perhaps ${best}`}, ${percent(confidence)}.`;
  }

  #say(text) {
    this.live.textContent = text;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target;
    if (event.key === "Escape" && target === this.typed) {
      target.blur();
      this.card.focus({ preventScroll: true });
      return;
    }
    if (target.closest("input:not([type=checkbox]), select, textarea, summary")) return;
    if (event.key === " " && target.closest("button, a, input")) return;
    const digit = KEYS.indexOf(event.key);
    const label = event.key.length === 1 && digit >= 0 ? settings.genres[digit] : undefined;
    const actions = {
      a: () => this.answer(null, "accepted as"), // not Enter: a key that also sends forms accepts by accident
      s: () => this.skip(),
      u: () => this.undo(),
      c: () => this.typed?.focus(),
      " ": () => this.song && this.#toggle(this.song),
      ArrowLeft: () => playerBar.key(event),
      ArrowRight: () => playerBar.key(event),
    };
    const action = label ? () => this.answer(label, "is now") : actions[event.key];
    if (!action) return;
    event.preventDefault();
    if (!event.repeat) action();
  }

  // -- what is to be seen

  #draw() {
    const song = this.song;
    if (!song) {
      this.card.replaceChildren(...(this.total || this.input.value || this.done.length ? this.#end() : [empty()]));
      return;
    }
    const guess = song.predicted ?? song.best;
    const choose = (genre) => this.answer(genre, "is now");
    const { form, input } = genreForm(choose, { label: "Correct", key: "c" });
    this.typed = input;
    this.play = el("button", { type: "button", class: "l-play large", onclick: () => this.#toggle(song) });
    this.card.replaceChildren(
      el(
        "p",
        { class: "r-place" },
        `${(this.place + 1).toLocaleString("en")} of ${this.total.toLocaleString("en")}`,
        this.place < this.doubtful ? "" : " · these are rather sure",
      ),
      el(
        "div",
        { class: "r-song" },
        this.play,
        el("div", { class: "r-what" }, el("h2", {}, el("bdi", {}, song.title)), byline(song), place(song)),
      ),
      ...this.#doubts(song),
      ...[styles(song.styles)].filter((node) => node !== null),
      likely(song.top),
      el(
        "div",
        { class: "r-actions" },
        el(
          "button",
          { type: "button", class: "z-button primary", onclick: () => this.answer(null, "accepted as") },
          `Accept ${guess}`,
          el("kbd", {}, "a"),
        ),
        el("button", { type: "button", class: "z-button", onclick: () => this.skip() }, "Skip", el("kbd", {}, "s")),
        el(
          "button",
          { type: "button", class: "z-button", disabled: !this.done.length, onclick: () => this.undo() },
          "Undo",
          el("kbd", {}, "u"),
        ),
      ),
      genreButtons(choose, { now: song.correction, keys: KEYS }),
      form,
    );
    this.#drawPlay();
  }

  #doubts(song) {
    const doubts = [];
    if (song.correction) doubts.push(el("span", {}, "your word: ", chip(song.correction)));
    if (song.predicted === null) doubts.push(song.reason ?? "zhanr is not sure");
    if (song.disagrees) doubts.push(el("span", {}, "its tag says ", el("b", {}, song.tag)));
    else if (song.tag) doubts.push(el("span", {}, "tag: ", song.tag));
    return doubts.length ? [el("ul", { class: "r-doubts" }, ...doubts.map((doubt) => el("li", {}, doubt)))] : [];
  }

  #end() {
    return [
      el("h2", {}, this.total ? "All done" : "Nothing to review"),
      el(
        "p",
        {},
        this.total ? "You have been through the whole queue." : "Every song here has your word, or none is like that.",
      ),
      el(
        "div",
        { class: "r-actions" },
        this.done.length
          ? el("button", { type: "button", class: "z-button", onclick: () => this.undo() }, "Undo", el("kbd", {}, "u"))
          : null,
        el("a", { class: "z-button", href: "/library?q=corrected" }, "See your corrections"),
        el("a", { class: "z-button", href: "/tags" }, "Write genres into the files"),
      ),
    ];
  }

  #drawPlay() {
    if (!this.song || !this.play) return;
    const playing = playerBar.isPlaying(this.song.id);
    this.play.replaceChildren(icon(playing ? PAUSE : PLAY));
    this.play.setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${this.song.title}`);
  }
}

customElements.define("zhanr-review", ReviewPage);
