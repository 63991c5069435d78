// The first page: songs come in by the button, by dropping them or from the microphone, and each gets a card.

import { about } from "./about.js";
import { SongCard } from "./card.js";
import { calm, el, icon } from "./dom.js";
import { playerBar } from "./player_bar.js";
import { canRecord, recorder } from "./record.js";
import { settings } from "./settings.js";
import { SongList } from "./song_list.js";
import { songs } from "./songs.js";

const FEW = 3; // songs that are shown as cards

const UPLOAD = "M12 16V5m0 0L7.5 9.5M12 5l4.5 4.5M5 19h14";
const MICROPHONE = "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21";

class ListenPage extends HTMLElement {
  #cards = new Map();
  #follow = () => this.#show();
  #added = () => this.#reveal();
  #mark = () => {
    for (const shown of [...this.#cards.values(), this.many]) shown.mark((id) => playerBar.isPlaying(id));
  };

  async connectedCallback() {
    this.few = el("div", { class: "s-few" });
    this.many = new SongList(settings, (song) => this.#card(song));
    this.many.addEventListener("close", (event) => this.#remove(/** @type {CustomEvent} */ (event).detail));
    const failed = (text) => {
      this.trouble.textContent = text;
    };
    const more = about((files) => songs.add(files), failed);
    const list = el("section", { id: "songs", "aria-label": "Your songs" }, this.few, this.many.node);
    this.append(this.#hero(), more, list, this.#keys());
    songs.addEventListener("change", this.#follow);
    songs.addEventListener("added", this.#added);
    playerBar.addEventListener("change", this.#mark);
    await songs.ready;
    if (!this.isConnected) return;
    this.#show();
    this.dataset.ready = "true";
  }

  disconnectedCallback() {
    songs.removeEventListener("change", this.#follow);
    songs.removeEventListener("added", this.#added);
    playerBar.removeEventListener("change", this.#mark);
    this.#cardsOf([]);
    this.many.close();
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

  /** A few songs are cards, the newest on top; more are a list that opens to them. */
  #show() {
    const many = songs.all.length > FEW;
    this.classList.toggle("busy", songs.all.length > 0);
    this.many.node.hidden = !many;
    this.many.show(many ? songs.all : []);
    this.#cardsOf(many ? [] : songs.all);
  }

  #cardsOf(shown) {
    for (const [song, card] of this.#cards) {
      if (shown.includes(song)) continue;
      card.close();
      this.#cards.delete(song);
    }
    for (const [i, song] of shown.entries()) {
      if (!this.#cards.has(song)) this.#cards.set(song, this.#card(song));
      const { node } = this.#cards.get(song);
      if (this.few.children[i] !== node) this.few.insertBefore(node, this.few.children[i] ?? null);
    }
  }

  /** What has just been added is to be seen, wherever the page was scrolled to. */
  #reveal() {
    this.many.first();
    const top = this.querySelector(".hero").getBoundingClientRect().top;
    if (top < 0) scrollBy({ top, behavior: calm() ? "instant" : "smooth" });
  }

  #remove(some) {
    songs.remove(...some);
    if (!songs.all.length) this.pick.focus();
  }

  #card(song) {
    const card = new SongCard(song, settings);
    card.addEventListener("close", () => {
      songs.remove(song);
      this.pick.focus();
    });
    card.addEventListener("play", (event) => playerBar.toggle(/** @type {CustomEvent} */ (event).detail));
    card.mark((id) => playerBar.isPlaying(id));
    return card;
  }
}

customElements.define("zhanr-listen", ListenPage);
