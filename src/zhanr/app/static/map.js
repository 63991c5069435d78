// The map: every song a point, coloured by genre; pointing at one says what it is, a click shows what sounds like it.

import { get, reason } from "./api.js";
import { el, icon, many, PLAY, percent } from "./dom.js";
import { chip, colour } from "./genres.js";
import { empty, heading, liveLine, scanned } from "./library_parts.js";
import { playerBar } from "./player_bar.js";

const LOOK_AGAIN = 400; // milliseconds, while the map is being made
const DWELL = 120; // milliseconds that the pointer rests on a song before it plays
const REACH = 14; // pixels from the pointer within which a song is meant
const CELLS = 128; // of the index, along each side
const MOST_ZOOM = 40;
const MARGIN = 24;

class MapPage extends HTMLElement {
  ids; // of all points
  genre; // of each, its place in `genres`
  genres;

  async connectedCallback() {
    this.append(heading("Map"));
    if (!(await scanned(this)) || !this.isConnected) return;
    this.hiddenGenres = new Set();
    this.songs = new Map(); // by id: what was asked already
    this.view = { zoom: 1, x: 0.5, y: 0.5 };
    this.hover = this.chosen = -1;
    this.pointer = null; // where it is on the canvas, in pixels
    this.live = liveLine();
    this.error = el("p", { class: "l-error", role: "alert" });
    this.state = liveLine("l-status");
    this.bar = el("progress", { class: "l-progress", max: 1, "aria-label": "Progress", hidden: true });
    this.canvas = el("canvas", {
      class: "m-canvas",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "map",
      "aria-label": "Map of the library. The arrow keys go from song to song, Enter plays.",
    });
    this.tip = el("div", { class: "m-tip", hidden: true, "aria-hidden": "true" });
    this.sound = el("input", { type: "checkbox", id: "sound" });
    this.legend = el("ul", { class: "m-legend", "aria-label": "Genres: choose which to show" });
    this.side = el(
      "section",
      { class: "m-side", "aria-label": "Song", "aria-live": "off" },
      el(
        "p",
        { class: "l-faint" },
        "Point at a song to see what it is. Click it, or go there with the arrow keys, to see what sounds most ",
        "like it, and to play it.",
      ),
    );
    const zoom = (label, text, factor) =>
      el("button", { type: "button", class: "z-button", "aria-label": label, onclick: () => this.#zoom(factor) }, text);
    const tools = el(
      "div",
      { class: "m-tools" },
      zoom("Zoom in", "+", 1.6),
      zoom("Zoom out", "−", 1 / 1.6),
      zoom("Show the whole map", "Show the whole map", 0),
      el("label", { for: "sound" }, this.sound, "Play what I point at"),
    );
    // above the map, where the player never lies over them
    this.plot = el("div", { class: "m-plot z-card" }, tools, el("div", { class: "m-stage" }, this.canvas, this.tip));
    this.body = el("div", { class: "m-body", hidden: true }, el("div", {}, this.plot, this.legend), this.side);
    this.append(this.error, this.state, this.bar, this.body, this.live);
    this.#listen();
    this.#load();
  }

  redraw = () => this.#draw();

  disconnectedCallback() {
    removeEventListener("themechange", this.redraw);
  }

  async #load() {
    try {
      for (;;) {
        const found = await get("/map/points");
        if (found.x) return this.#ready(found);
        this.bar.hidden = false;
        this.bar.value = found.done;
        this.state.textContent = `Laying out ${many(found.total, "song")} …`;
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
        if (!this.isConnected) return;
      }
    } catch (error) {
      this.error.textContent = reason(error);
    }
  }

  #ready(found) {
    this.bar.hidden = true;
    if (!found.ids.length) return this.replaceChildren(heading("Map"), empty());
    this.n = found.ids.length;
    Object.assign(this, { ids: found.ids, genre: found.genre, genres: found.genres });
    this.x = Float32Array.from(found.x, (v) => v / found.scale);
    this.y = Float32Array.from(found.y, (v) => v / found.scale);
    this.colours = found.genres.map((genre) => colour(genre));
    this.#index();
    this.state.textContent =
      found.total > this.n
        ? `${this.n.toLocaleString("en")} of ${many(found.total, "song")}, evenly chosen: more would not fit`
        : many(this.n, "song");
    this.body.hidden = false;
    this.#drawLegend();
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
    addEventListener("themechange", this.redraw);
    this.#draw();
    this.dataset.ready = "true";
  }

  #index() {
    this.cells = Array.from({ length: CELLS * CELLS }, () => []);
    for (let i = 0; i < this.n; i++) this.cells[this.#cell(this.y[i]) * CELLS + this.#cell(this.x[i])].push(i);
  }

  #cell(v) {
    return Math.max(0, Math.min(CELLS - 1, Math.floor(v * CELLS)));
  }

  #shown(i) {
    return !this.hiddenGenres.has(this.genre[i]);
  }

  // -- between the plane (0 to 1) and the canvas

  get #size() {
    return { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
  }

  #scale() {
    const { width, height } = this.#size;
    return { sx: (width - 2 * MARGIN) * this.view.zoom, sy: (height - 2 * MARGIN) * this.view.zoom };
  }

  #place(i) {
    const { width, height } = this.#size,
      { sx, sy } = this.#scale();
    return [width / 2 + (this.x[i] - this.view.x) * sx, height / 2 + (this.y[i] - this.view.y) * sy];
  }

  /** The song nearest to a point of the canvas, or -1. */
  at(px, py, reach = REACH) {
    const { width, height } = this.#size,
      { sx, sy } = this.#scale();
    const x = this.view.x + (px - width / 2) / sx,
      y = this.view.y + (py - height / 2) / sy;
    let best = -1,
      least = reach ** 2;
    for (let row = this.#cell(y - reach / sy); row <= this.#cell(y + reach / sy); row++)
      for (let column = this.#cell(x - reach / sx); column <= this.#cell(x + reach / sx); column++)
        for (const i of this.cells[row * CELLS + column]) {
          const d = ((this.x[i] - x) * sx) ** 2 + ((this.y[i] - y) * sy) ** 2;
          if (d < least && this.#shown(i)) {
            least = d;
            best = i;
          }
        }
    return best;
  }

  /** Where a song is on the canvas, for those who point at it by its id. */
  where(id) {
    const i = this.ids.indexOf(id);
    return i < 0 ? null : this.#place(i);
  }

  // -- drawing

  #draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    const { width, height } = this.#size;
    if (!width) return;
    const ratio = Math.min(devicePixelRatio || 1, 2),
      style = getComputedStyle(this);
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const size = Math.max(2, Math.min(14, (12 * this.view.zoom ** 0.4) / Math.max(1, this.n / 150) ** 0.35));
    context.globalAlpha = this.n > 4000 ? 0.7 : 0.85;
    for (let genre = 0; genre < this.genres.length; genre++) {
      if (this.hiddenGenres.has(genre)) continue;
      context.fillStyle = context.strokeStyle = this.colours[genre];
      context.lineWidth = Math.max(1, size / 5);
      context.beginPath();
      for (let i = 0; i < this.n; i++) {
        if (this.genre[i] !== genre) continue;
        const [x, y] = this.#place(i);
        if (x < -size || y < -size || x > width + size || y > height + size) continue;
        context.moveTo(x + size / 2, y);
        context.arc(x, y, size / 2, 0, 7);
      }
      if (this.genres[genre] === null)
        context.stroke(); // not sure: a ring
      else context.fill();
    }
    context.globalAlpha = 1;
    for (const [i, line] of [
      [this.chosen, 3],
      [this.hover, 2],
    ]) {
      if (i < 0) continue;
      const [x, y] = this.#place(i);
      context.beginPath();
      context.arc(x, y, size / 2 + 4, 0, 7);
      context.strokeStyle = style.getPropertyValue("--ink");
      context.lineWidth = line;
      context.stroke();
    }
  }

  #drawLegend() {
    const counts = this.genres.map(() => 0);
    for (const genre of this.genre) counts[genre]++;
    const order = this.genres.map((_, i) => i).sort((a, b) => counts[b] - counts[a]);
    this.legend.replaceChildren(
      ...order.map((i) =>
        el(
          "li",
          {},
          el(
            "button",
            {
              type: "button",
              class: this.genres[i] === null ? "ring" : "",
              "aria-pressed": !this.hiddenGenres.has(i),
              style: { "--genre": this.colours[i] },
              onclick: (event) => {
                if (!this.hiddenGenres.delete(i)) this.hiddenGenres.add(i);
                event.currentTarget.setAttribute("aria-pressed", !this.hiddenGenres.has(i));
                this.#draw();
              },
            },
            this.genres[i] ?? "not sure",
            el("span", { class: "l-count" }, counts[i].toLocaleString("en")),
          ),
        ),
      ),
    );
  }

  // -- pointing, clicking, keys

  #listen() {
    const { canvas } = this;
    let grabbed = null;
    const pointers = new Map();
    canvas.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, event);
      canvas.setPointerCapture(event.pointerId);
      grabbed = { x: event.offsetX, y: event.offsetY, view: { ...this.view }, moved: false };
    });
    canvas.addEventListener("pointermove", (event) => {
      this.pointer = grabbed ? null : [event.offsetX, event.offsetY];
      if (!grabbed) return this.#point(this.at(event.offsetX, event.offsetY), event.offsetX, event.offsetY);
      const dx = event.offsetX - grabbed.x,
        dy = event.offsetY - grabbed.y;
      grabbed.moved ||= Math.hypot(dx, dy) > 4;
      if (!grabbed.moved || pointers.size > 1) return undefined;
      const { sx, sy } = this.#scale();
      this.#look({ x: grabbed.view.x - dx / sx, y: grabbed.view.y - dy / sy });
      return undefined;
    });
    const release = (event) => {
      pointers.delete(event.pointerId);
      if (grabbed && !grabbed.moved && event.type === "pointerup")
        this.#choose(this.at(event.offsetX, event.offsetY, 2 * REACH));
      grabbed = null;
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => {
      this.pointer = null;
      this.#point(-1);
    });
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.#zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
      },
      { passive: false },
    );
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  #look(change) {
    Object.assign(this.view, change);
    this.canvas.style.touchAction = this.view.zoom > 1 ? "none" : "pan-y"; // a finger still scrolls the page
    this.view.x = Math.max(0, Math.min(1, this.view.x));
    this.view.y = Math.max(0, Math.min(1, this.view.y));
    this.#point(-1); // what lay below the pointer has moved away
    if (this.pointer) this.#point(this.at(...this.pointer), ...this.pointer);
    this.#draw();
  }

  #zoom(factor, px = this.#size.width / 2, py = this.#size.height / 2) {
    if (!factor) return this.#look({ zoom: 1, x: 0.5, y: 0.5 });
    const { width, height } = this.#size,
      before = this.#scale();
    const zoom = Math.max(1, Math.min(MOST_ZOOM, this.view.zoom * factor)),
      ratio = this.view.zoom / zoom;
    const x = this.view.x + ((px - width / 2) / before.sx) * (1 - ratio),
      y = this.view.y + ((py - height / 2) / before.sy) * (1 - ratio);
    return this.#look(zoom === 1 ? { zoom, x: 0.5, y: 0.5 } : { zoom, x, y });
  }

  #point(i, x, y) {
    if (i >= 0) {
      this.tip.style.left = `${Math.min(x + 14, this.#size.width - 180)}px`;
      this.tip.style.top = `${y + 14}px`;
    }
    if (i === this.hover) return;
    this.hover = i;
    this.canvas.style.cursor = i < 0 ? "grab" : "pointer";
    this.#draw();
    clearTimeout(this.dwell);
    this.tip.hidden = true;
    if (i < 0) return;
    this.dwell = setTimeout(async () => {
      const song = await this.#song(this.ids[i]).catch(() => null);
      if (!song || this.hover !== i) return;
      this.tip.replaceChildren(
        el("b", {}, song.title),
        el("span", {}, song.artist ?? ""),
        el("span", {}, this.#says(song)),
      );
      this.tip.hidden = false;
      if (this.sound.checked && !(await playerBar.play(song)) && !playerBar.audio.error)
        this.state.textContent = "Click once on the map, and the browser will let songs play.";
    }, DWELL);
  }

  #says(song) {
    return song.genre
      ? `${song.genre}${song.yours ? " (your word)" : ` · ${percent(song.confidence ?? 0)}`}`
      : `not sure${song.best ? `: perhaps ${song.best}` : ""}`;
  }

  async #song(id) {
    if (!this.songs.has(id)) this.songs.set(id, await get(`/map/song/${id}`));
    return this.songs.get(id);
  }

  #key(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in ways) this.#choose(this.#toward(...ways[event.key]));
    else if (event.key === "Enter" && this.chosen >= 0)
      this.#song(this.ids[this.chosen]).then((song) => void playerBar.toggle(song));
    else if (event.key === "+" || event.key === "-") this.#zoom(event.key === "+" ? 1.6 : 1 / 1.6);
    else if (event.key === "0") this.#zoom(0);
    else return;
    event.preventDefault();
  }

  /** The nearest song in a direction: what lies beside it counts as further away. */
  #toward(dx, dy) {
    if (this.chosen < 0) return this.at(this.#size.width / 2, this.#size.height / 2, Infinity);
    let best = this.chosen,
      least = Infinity;
    const [x0, y0] = this.#place(this.chosen);
    for (let i = 0; i < this.n; i++) {
      if (i === this.chosen || !this.#shown(i)) continue;
      const [x, y] = this.#place(i),
        along = (x - x0) * dx + (y - y0) * dy,
        beside = Math.abs((x - x0) * dy) + Math.abs((y - y0) * dx);
      const cost = along + 2 * beside;
      if (along > 0.5 && beside <= along && cost < least) {
        least = cost;
        best = i;
      }
    }
    return best;
  }

  async #choose(i) {
    if (i < 0) return;
    this.chosen = i;
    const [x, y] = this.#place(i),
      { width, height } = this.#size;
    if (x < 0 || y < 0 || x > width || y > height) this.#look({ x: this.x[i], y: this.y[i] });
    this.#draw();
    await this.#open(this.ids[i]);
  }

  async #open(id) {
    this.opened = id;
    try {
      const song = await this.#song(id);
      if (this.opened !== id) return;
      this.live.textContent = `${song.title}${song.artist ? ` by ${song.artist}` : ""}, ${this.#says(song)}`;
      const list = el("ol", { class: "m-near" });
      this.side.replaceChildren(
        el("h2", {}, song.title),
        el("p", { class: "l-faint" }, [song.artist, song.album].filter(Boolean).join(" · ")),
        el(
          "p",
          {},
          song.genre ? chip(song.genre, song.yours ? "yours" : percent(song.confidence ?? 0)) : this.#says(song),
        ),
        el("p", { class: "l-faint r-path" }, el("bdi", {}, song.path)),
        el(
          "div",
          { class: "r-actions" },
          el("button", { type: "button", class: "z-button primary", onclick: () => playerBar.toggle(song) }, "Play"),
        ),
        el("h3", {}, "Sounds most like it"),
        list,
      );
      const { near } = await get(`/map/near/${id}`);
      if (this.opened !== id) return;
      list.replaceChildren(...near.map((other) => this.#nearItem(other)));
    } catch (error) {
      this.error.textContent = reason(error);
    }
  }

  #nearItem(song) {
    this.songs.set(song.id, song);
    const play = el("button", {
      type: "button",
      class: "l-play",
      "aria-label": `Play ${song.title}`,
      onclick: () => playerBar.toggle(song),
    });
    play.append(icon(PLAY));
    const go = () => {
      const i = this.ids.indexOf(song.id);
      if (i >= 0) this.#choose(i);
      else this.#open(song.id);
    };
    return el(
      "li",
      {},
      play,
      el(
        "button",
        { type: "button", class: "m-go", onclick: go },
        el("span", {}, song.title),
        el("span", { class: "l-faint" }, song.artist ?? ""),
      ),
      song.genre ? chip(song.genre) : el("span", { class: "l-faint" }, "not sure"),
    );
  }
}

customElements.define("zhanr-map", MapPage);
