// The songs on the first page: a few are cards, the newest on top; more are a list that opens to them.

import { SongCard } from "./card.js";
import { el } from "./dom.js";
import { playerBar } from "./player_bar.js";
import { settings } from "./settings.js";
import { SongList } from "./song_list.js";

const FEW = 3; // songs that are shown as cards

export class ShownSongs {
  #cards = new Map();
  #remove;
  #mark = () => {
    for (const shown of [...this.#cards.values(), this.many]) shown.mark((id) => playerBar.isPlaying(id));
  };

  /** `remove(songs, lost)` is told which songs a person closes; `lost` says that the focus has gone with them. */
  constructor(remove) {
    this.#remove = remove;
    this.few = el("div", { class: "s-few" });
    this.many = new SongList(settings, (song) => this.#card(song));
    this.many.addEventListener("close", (event) => remove(/** @type {CustomEvent} */ (event).detail, false));
    this.node = el("section", { id: "songs", "aria-label": "Your songs" }, this.few, this.many.node);
    playerBar.addEventListener("change", this.#mark);
  }

  show(songs) {
    const many = songs.length > FEW;
    this.many.node.hidden = !many;
    this.many.show(many ? songs : []);
    this.#cardsOf(many ? [] : songs);
  }

  /** Show what has just been added, whatever the list was filtered by. */
  first() {
    this.many.first();
  }

  close() {
    playerBar.removeEventListener("change", this.#mark);
    this.#cardsOf([]);
    this.many.close();
    this.node.remove();
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

  #card(song) {
    const card = new SongCard(song, settings);
    card.addEventListener("close", () => this.#remove([song], true));
    card.addEventListener("play", (event) => playerBar.toggle(/** @type {CustomEvent} */ (event).detail));
    card.mark((id) => playerBar.isPlaying(id));
    return card;
  }
}
