// The first page: songs come in by the button, by dropping them or from the microphone, and each gets a card.

import { about } from "./about.js";
import { GONE } from "./api.js";
import { calm, el, icon } from "./dom.js";
import { canRecord, recorder } from "./record.js";
import { settings } from "./settings.js";
import { songs } from "./songs.js";

const UPLOAD = "M12 16V5m0 0L7.5 9.5M12 5l4.5 4.5M5 19h14";
const MICROPHONE = "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21";

class ListenPage extends HTMLElement {
  #shown = null; // a promise of what shows the songs, whose scripts are not waited for before there is one
  #follow = () => this.#show();
  #added = () => this.#reveal();

  async connectedCallback() {
    const failed = (text) => {
      this.trouble.textContent = text;
    };
    this.keys = this.#keys();
    this.append(
      this.#hero(),
      about((files) => songs.add(files), failed),
      this.keys,
    );
    songs.addEventListener("change", this.#follow);
    songs.addEventListener("added", this.#added);
    await songs.ready;
    if (songs.all.length) await this.#show();
    this.dataset.ready = "true";
    this.#view();
  }

  disconnectedCallback() {
    songs.removeEventListener("change", this.#follow);
    songs.removeEventListener("added", this.#added);
    this.#shown?.then((shown) => shown?.close());
  }

  #hero() {
    this.input = el("input", { type: "file", id: "files", multiple: true, hidden: true, "aria-label": "Songs" });
    this.input.addEventListener("change", () => {
      songs.add(this.input.files);
      this.input.value = "";
    });
    const pick = () => this.input.click();
    this.pick = el("button", { type: "button", class: "z-button primary", id: "pick", onclick: pick });
    this.pick.append(icon(UPLOAD, { filled: false }), "Choose songs");
    this.trouble = el("p", { class: "l-error", role: "alert" });
    const where = settings.local ? "this computer" : "this server";
    return el(
      "section",
      { class: "hero", "aria-labelledby": "hero-title" },
      el("h1", { id: "hero-title" }, "What genre is it?"),
      el(
        "p",
        { class: "lead" },
        "Drop songs anywhere on this page. zhanr listens and tells their genre, or says that it isn’t sure.",
      ),
      el("div", { class: "actions" }, this.pick, this.#microphone(), this.input),
      this.trouble,
      el(
        "p",
        { class: "note" },
        `mp3, m4a, flac, ogg, wav and nearly everything else. Songs stay on ${where}, `,
        "and are deleted when you close them.",
      ),
    );
  }

  #microphone() {
    const button = el("button", { type: "button", class: "z-button", id: "record", hidden: !canRecord() });
    button.append(icon(MICROPHONE, { filled: false }), el("span", {}, "Record 10 seconds"));
    const failed = (text) => {
      this.trouble.textContent = text;
    };
    if (canRecord()) recorder(button, { done: (file) => songs.add([file]), failed });
    return button;
  }

  #keys() {
    const key = (name) => el("kbd", {}, name);
    return el(
      "p",
      { class: "keys" },
      key("Space"),
      " plays and pauses, ",
      key("←"),
      " ",
      key("→"),
      " move by five seconds, with ",
      key("Shift"),
      " by one",
    );
  }

  async #show() {
    this.classList.toggle("busy", songs.all.length > 0);
    (await this.#view())?.show(songs.all);
  }

  #view() {
    this.#shown ??= this.#load();
    return this.#shown;
  }

  async #load() {
    try {
      const { ShownSongs } = await import("./shown_songs.js");
      if (!this.isConnected) return null;
      const shown = new ShownSongs((some, lost) => this.#remove(some, lost));
      this.keys.before(shown.node);
      return shown;
    } catch {
      this.trouble.textContent = GONE;
      return null;
    }
  }

  /** What has just been added is to be seen, wherever the page was scrolled to. */
  async #reveal() {
    (await this.#view())?.first();
    const top = this.querySelector(".hero").getBoundingClientRect().top;
    if (top < 0) scrollBy({ top, behavior: calm() ? "instant" : "smooth" });
  }

  #remove(some, lost) {
    songs.remove(...some);
    if (lost || !songs.all.length) this.pick.focus();
  }
}

customElements.define("zhanr-listen", ListenPage);
