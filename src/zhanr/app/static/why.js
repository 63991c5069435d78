// "Why?": what spoke for a genre, over the pictures and in words.

import { clock, el, hertz } from "./dom.js";
import { AGAINST, FOR } from "./draw.js";
import { say } from "./say.js";

/** The button and the panel of one card; `plot` and `player` are set when there are any. */
export class Why {
  plot = null;
  player = null;
  #song;
  #edges;
  #genre;

  /** `edges` are those of the model's bins in hertz; where it has none, there is no button. */
  constructor(song, edges) {
    this.#song = song;
    this.#edges = edges;
    this.#genre = Object.keys(song.answer.probabilities)[0];
    const attributes = { class: "z-button ask", type: "button", "aria-pressed": false, hidden: !edges };
    this.button = el("button", attributes, `Why ${this.#genre}?`);
    this.button.addEventListener("click", () => this.#toggle());
    this.panel = el("div", { class: "panel", hidden: true });
    this.tell();
  }

  /** Take notice of a change of the song: without its sound, only what was asked before can be shown. */
  tell() {
    this.button.disabled = !this.#song.reasons && !this.#song.hasSound;
  }

  async #toggle() {
    const on = this.button.getAttribute("aria-pressed") !== "true";
    this.button.setAttribute("aria-pressed", String(on));
    this.panel.hidden = !on;
    this.plot?.explain(null);
    if (!on || !(await this.#ask())) return;
    this.panel.replaceChildren(...this.#words(this.#song.reasons));
    this.plot?.explain(this.#song.reasons);
  }

  /** Have the reasons found; gives whether there are any. */
  async #ask() {
    if (this.#song.reasons) return true;
    this.button.disabled = true;
    this.panel.replaceChildren(
      el("p", { class: "state" }, "Hiding one patch after the other, and listening again …"),
      el("progress", { "aria-label": "Explaining" }),
    );
    try {
      await this.#song.explain(this.#genre);
      return true;
    } catch (error) {
      this.button.setAttribute("aria-pressed", "false");
      this.panel.replaceChildren(el("p", { class: "reason", role: "alert" }, error.message));
      return false;
    } finally {
      this.button.disabled = false;
      this.button.focus({ preventScroll: true });
      this.tell();
    }
  }

  #words({ strongest, moments }) {
    const genre = this.#genre;
    const text = strongest.length
      ? `What spoke most for ${genre}:`
      : `No single place spoke for ${genre}; it is the whole that did.`;
    const words = ({ hertz: [low, high], seconds: [start, end] }) =>
      `${clock(start)} to ${clock(end)}, ${this.#band(low, high)};`;
    say([text, ...strongest.map(words)].join(" "));
    const key = (colour, what) => el("li", { style: { "--colour": colour } }, what);
    const end = moments.at(-1)[1];
    const short = end < this.#song.answer.duration - 2 && `Only the first ${clock(end)} were looked at. `;
    return [
      el("ul", { class: "legend" }, key(FOR, `spoke for ${genre}`), key(AGAINST, "spoke against it")),
      el(
        "div",
        { class: "strongest" },
        el("p", {}, text),
        el("ul", {}, ...strongest.map((patch) => this.#patch(patch))),
      ),
      el(
        "p",
        { class: "note" },
        short,
        "Found by hiding one patch of the picture after the other and asking the model again.",
      ),
    ];
  }

  #patch({ hertz: [low, high], seconds: [start, end] }) {
    const text = `${clock(start)} to ${clock(end)}`;
    const seek = () => this.player?.seek(start);
    return el(
      "li",
      {},
      el("button", { type: "button", class: "link", onclick: seek }, text),
      `, ${this.#band(low, high)}`,
    );
  }

  /** "below 430 Hz", "1.3 to 2 kHz", "above 7.1 kHz" */
  #band(low, high) {
    if (low <= this.#edges[0]) return `below ${hertz(high)}`;
    if (high >= Math.round(this.#edges.at(-1))) return `above ${hertz(low)}`;
    return `${hertz(low)} to ${hertz(high)}`;
  }
}
