// The pictures of one song above each other on one time axis, with the position that plays; a slider for the keyboard.

import { clock, el } from "./dom.js";
import * as draw from "./draw.js";

export class Plot {
  #song;
  #player;
  #look;
  #reasons = null;
  #near = false;
  #stale = true;
  #readout;
  #canvases = {};

  /** `look` is {colour, colours, hertz}. */
  constructor(song, player, look, name) {
    this.#song = song;
    this.#player = player;
    this.#look = look;
    const canvas = (name, extra = "") =>
      (this.#canvases[name] = el("canvas", { class: `${name} ${extra}`, "aria-hidden": "true" }));
    this.#readout = el("div", { class: "readout", "aria-hidden": "true" });
    this.node = el(
      "div",
      {
        class: "plot",
        role: "slider",
        tabindex: 0,
        "aria-label": `Position in ${name}`,
        "aria-valuemin": 0,
        "aria-valuemax": Math.floor(song.duration),
        "aria-keyshortcuts": "Space ArrowLeft ArrowRight Home End",
      },
      el("div", { class: "layers wave" }, canvas("rest"), canvas("played")),
      el("div", { class: "layers spectrum" }, canvas("picture"), canvas("reasons"), canvas("scale")),
      canvas("moments"),
      canvas("axis"),
      el("div", { class: "hair" }),
      el("div", { class: "head" }),
      this.#readout,
    );
    this.#listen();
    this.#tell();
  }

  /** Show what spoke for the genre, or the plain picture again. */
  explain(reasons) {
    this.#reasons = reasons;
    this.node.classList.toggle("explained", reasons !== null);
    this.draw();
  }

  draw() {
    if (!this.node.clientWidth) return;
    this.#stale = false;
    const { duration, timeline, picture, peaks, n_bins: nBins, column_seconds: step } = this.#song;
    const { colour, colours, hertz } = this.#look;
    const style = getComputedStyle(this.node),
      ink = style.getPropertyValue("--ink"),
      muted = style.getPropertyValue("--muted");
    const span = Math.min(1, duration / (step * peaks.length)); // the last column may reach beyond the end
    draw.waveform(this.#canvases.rest, peaks, span, style.getPropertyValue("--faint"));
    draw.waveform(this.#canvases.played, peaks, span, colour);
    const drawn = draw.image(picture, nBins, this.#reasons ? draw.dim() : draw.ramp(colour));
    draw.spectrogram(this.#canvases.picture, drawn, span);
    draw.frequencies(this.#canvases.scale, hertz, muted);
    draw.timeline(this.#canvases.moments, timeline, duration, colours, ink);
    draw.axis(this.#canvases.axis, duration, muted);
    if (this.#reasons) draw.saliency(this.#canvases.reasons, this.#reasons, duration, hertz);
    else draw.prepare(this.#canvases.reasons);
  }

  close() {
    this.sizes.disconnect();
    this.views.disconnect();
    removeEventListener("themechange", this.redraw);
  }

  #listen() {
    const node = this.node;
    const at = (event) => {
      const box = node.getBoundingClientRect();
      return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * this.#song.duration;
    };
    node.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.#player.seek(at(event));
      if (event.pointerType === "mouse") node.setPointerCapture(event.pointerId); // a finger may want to scroll
    });
    node.addEventListener("pointermove", (event) => {
      if (node.hasPointerCapture(event.pointerId)) this.#player.seek(at(event));
      this.#hover(at(event));
    });
    node.addEventListener("keydown", (event) => this.#player.key(event) && event.preventDefault());
    this.#player.addEventListener("time", () => this.#tell());
    this.redraw = () => {
      this.#stale = true;
      if (this.#near) this.draw();
    };
    this.sizes = new ResizeObserver(this.redraw);
    this.sizes.observe(node);
    // fifty songs at once: only what can be seen is drawn
    this.views = new IntersectionObserver(
      (entries) => {
        this.#near = entries.at(-1).isIntersecting;
        if (this.#near && this.#stale) this.draw();
      },
      { rootMargin: "50%" },
    );
    this.views.observe(node);
    addEventListener("themechange", this.redraw);
  }

  #hover(time) {
    const genre = this.#said(time);
    this.#readout.textContent = genre ? `${clock(time)}  ${genre}` : clock(time);
    this.node.classList.add("pointed");
    this.node.style.setProperty("--hover", String(time / this.#song.duration));
  }

  #moment(time) {
    return this.#song.timeline.findLast((m) => m.start <= time && time < m.end);
  }

  /** The genre at a time, or "silence". */
  #said(time) {
    const moment = this.#moment(time);
    return moment?.genre ?? moment?.reason;
  }

  #tell() {
    const { time } = this.#player,
      genre = this.#said(time);
    this.node.style.setProperty("--at", String(time / this.#song.duration));
    this.node.setAttribute("aria-valuenow", String(Math.floor(time)));
    this.node.setAttribute(
      "aria-valuetext",
      `${clock(time)} of ${clock(this.#song.duration)}${genre ? `, ${genre}` : ""}`,
    );
  }
}
