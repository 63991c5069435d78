// The first page: songs come in by the button, by dropping them or from the microphone, and each gets a card.

import { SongCard } from "./card.js";
import { el, icon } from "./dom.js";
import { playerBar } from "./player_bar.js";
import { canRecord, recorder } from "./record.js";
import { settings } from "./settings.js";
import { songs } from "./songs.js";

const UPLOAD = "M12 16V5m0 0L7.5 9.5M12 5l4.5 4.5M5 19h14";
const MICROPHONE = "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21";

class ListenPage extends HTMLElement {
  #cards = new Map();
  #follow = () => this.#show();
  #mark = () => {
    for (const card of this.#cards.values()) card.mark((id) => playerBar.isPlaying(id));
  };

  connectedCallback() {
    this.list = el("section", { id: "songs", "aria-label": "Your songs" });
    this.append(this.#hero(), this.list, this.#keys());
    songs.addEventListener("change", this.#follow);
    playerBar.addEventListener("change", this.#mark);
    this.#show();
    this.dataset.ready = "true";
  }

  disconnectedCallback() {
    songs.removeEventListener("change", this.#follow);
    playerBar.removeEventListener("change", this.#mark);
    for (const card of this.#cards.values()) card.close();
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

  #show() {
    for (const [song, card] of this.#cards) {
      if (songs.all.includes(song)) continue;
      card.close();
      this.#cards.delete(song);
    }
    for (const song of songs.all) if (!this.#cards.has(song)) this.#cards.set(song, this.#card(song));
    songs.all.forEach((song, i) => {
      const { node } = this.#cards.get(song);
      if (this.list.children[i] !== node) this.list.insertBefore(node, this.list.children[i] ?? null);
    });
    this.classList.toggle("busy", songs.all.length > 0);
  }

  #card(song) {
    const card = new SongCard(song, settings);
    card.addEventListener("close", () => {
      songs.remove(song);
      this.pick.focus();
    });
    card.addEventListener("play", (event) => playerBar.toggle(event.detail));
    card.mark((id) => playerBar.isPlaying(id));
    return card;
  }
}

customElements.define("zhanr-listen", ListenPage);
