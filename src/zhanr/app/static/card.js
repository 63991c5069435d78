// The card of one song: how far it is, its answer with all pictures, and "why". It asks no server, but its song.

import { Player } from "./card_player.js";
import { CLOSE, clock, el, icon, megabytes, PAUSE, PLAY, percent } from "./dom.js";
import { likely, styles } from "./genres.js";
import { Plot } from "./plot.js";
import { SimilarSongs } from "./similar.js";
import { Why } from "./why.js";

const N_BARS = 5;
const SILENT = "The sound is not here any more. Add the file again to hear it, and to ask why.";
let count = 0;

/** FFmpeg's name of a codec as people know it. */
const codec = (name) =>
  name
    .replace(/^pcm_.*/, "PCM")
    .replace(/^wmav\d/, "WMA")
    .replace(/(float|fixed)$/, "")
    .replace(/^(mp[123]|flac|aac|alac|ac3)$/, (known) => known.toUpperCase());

/** Events: "close"; "play", whose detail is a similar song. */
export class SongCard extends EventTarget {
  #song;
  #look;
  #player = null;
  #plot = null;
  #similar = null;
  #plays = () => false;
  #why = null;
  #mute = false; // whether the browser can't play it
  #closed = false;
  #shown = "";
  #follow = () => this.#show();

  /** `song` is a `Song` of songs.js, or what is like one; `look` is {colours, not_sure, hertz}. */
  constructor(song, look) {
    super();
    this.#song = song;
    this.#look = look;
    const title = `song-${++count}`;
    this.state = el("p", { class: "state" });
    this.bar = el("progress", { max: 1, "aria-label": `Progress of ${song.name}` });
    this.body = el("div", { class: "body" }, el("div", { class: "working" }, this.state, this.bar));
    this.meta = el("p", { class: "meta" }, megabytes(song.size));
    const close = el(
      "button",
      {
        class: "close",
        type: "button",
        "aria-label": `Close ${song.name}`,
        onclick: () => this.dispatchEvent(new Event("close")),
      },
      icon(CLOSE, { filled: false }),
    );
    this.node = el(
      "article",
      { class: "z-card song", "aria-labelledby": title, "aria-busy": true, tabindex: -1 },
      el(
        "header",
        {},
        el("div", { class: "what" }, el("h2", { id: title }, el("bdi", {}, song.name)), this.meta),
        close,
      ),
      this.body,
    );
    song.addEventListener("change", this.#follow);
    this.#show();
  }

  close() {
    this.#closed = true;
    this.#song.removeEventListener("change", this.#follow);
    this.#player?.close();
    this.#plot?.close();
    this.node.remove();
  }

  #show() {
    const { state, note, share, error, answer, similar } = this.#song;
    if (state !== this.#shown && state === "done") this.#answered(answer);
    if (state !== this.#shown && state === "failed") this.#failed(error);
    if (state === "working" || state === "waiting") this.#progress(note, share);
    if (state === "done") this.#soundChanged();
    if (state === "done" && similar.length && !this.#similar) this.#showSimilar(similar);
    this.node.setAttribute("aria-busy", String(state === "working" || state === "waiting"));
    this.#shown = state;
  }

  /** Show which similar song plays: the one whose id `plays`. */
  mark(plays) {
    this.#plays = plays;
    this.#similar?.mark(plays);
  }

  #showSimilar(songs) {
    const play = (song) => this.dispatchEvent(new CustomEvent("play", { detail: song }));
    this.#similar = new SimilarSongs(songs, this.#look.colours, play);
    this.#similar.mark(this.#plays);
    this.body.append(this.#similar.node);
  }

  #progress(text, share) {
    if (this.state.textContent !== text) this.state.textContent = text;
    if (share === null) this.bar.removeAttribute("value");
    else this.bar.value = share;
  }

  #failed(text) {
    this.node.classList.add("failed");
    this.body.replaceChildren(el("p", { class: "verdict" }, "No answer"), el("p", { class: "reason" }, text));
  }

  #answered(song) {
    const genres = Object.entries(song.probabilities);
    const { colours, not_sure: grey, hertz: edges } = this.#look;
    const colour = song.genre ? colours[song.genre] : grey;
    this.node.style.setProperty("--genre", colour);
    this.meta.textContent = [
      clock(song.duration),
      codec(song.codec),
      song.sample_rate && `${+(song.sample_rate / 1000).toFixed(1)} kHz`, // a browser doesn't tell it
      megabytes(this.#song.size),
    ]
      .filter(Boolean)
      .join("  ·  ");
    this.#why = new Why(this.#song, this.#look.server ? edges : null);
    this.silent = el("p", { class: "silent", hidden: true }, SILENT);
    this.body.replaceChildren(
      ...[
        el("div", { class: "answer" }, this.#verdict(song), likely(genres.slice(0, N_BARS), 1)),
        styles(song.styles),
        song.warnings.length ? el("p", { class: "warning" }, `Note: ${song.warnings.join("; ")}.`) : null,
        this.silent,
      ].filter(Boolean),
    );
    this.#song.pictures().then((pictures) => this.#drawn(pictures, { colour, colours, hertz: edges }));
  }

  /** The rest, when the pictures are there; null where none were kept. */
  #drawn(pictures, look) {
    if (this.#closed) return;
    const { answer, name } = this.#song;
    this.#player = new Player(this.#song.sound(), () => this.#song.plainSound(), answer.duration);
    this.#player.addEventListener("cannot", () => this.#cannotPlay());
    this.#plot = pictures && new Plot({ ...answer, ...pictures }, this.#player, look, name);
    Object.assign(this.#why, { plot: this.#plot, player: this.#player });
    this.body.append(
      ...[this.#controls(), this.#plot?.node, this.#shares(answer), this.#why.panel, this.#similar?.node].filter(
        Boolean,
      ),
    );
    this.#soundChanged();
  }

  /** How much of its time the song sounds like what, where that is more than one genre. */
  #shares({ timeline }) {
    const seconds = new Map();
    for (const { genre, start, end } of timeline) seconds.set(genre, (seconds.get(genre) ?? 0) + end - start);
    if (seconds.size < 2) return null;
    const total = [...seconds.values()].reduce((a, b) => a + b);
    const most = [...seconds].sort((a, b) => b[1] - a[1]).slice(0, N_BARS);
    const item = ([genre, time]) =>
      el("li", { style: { "--colour": this.#look.colours[genre] } }, `${genre} ${percent(time / total)} of the time`);
    return el("ul", { class: "shares", "aria-label": "Over time" }, ...most.map(item));
  }

  #soundChanged() {
    const { hasSound } = this.#song;
    this.silent.hidden = hasSound;
    if (this.play) this.play.disabled = !hasSound || this.#mute;
    this.#why.tell();
  }

  #verdict(song) {
    if (song.genre)
      return el(
        "div",
        { class: "verdict" },
        el("p", { class: "genre" }, song.genre),
        el("p", { class: "sure" }, percent(song.confidence)),
      );
    const reason = song.reason.replace(/^not sure: /, "").replace(/(\d)%/g, "$1 %"); // as everywhere on the pages
    return el(
      "div",
      { class: "verdict unsure" },
      el("p", { class: "genre" }, "not sure"),
      el("p", { class: "reason" }, `${reason.charAt(0).toUpperCase() + reason.slice(1)}.`),
    );
  }

  #controls() {
    const play = el(
      "button",
      { class: "play", type: "button", "aria-label": "Play", onclick: () => this.#player.toggle() },
      icon(PLAY),
    );
    const time = el("p", { class: "time", "aria-hidden": "true" });
    const tell = () => (time.textContent = `${clock(this.#player.time)} / ${clock(this.#song.answer.duration)}`);
    this.#player.addEventListener("time", tell);
    this.#player.addEventListener("change", () => {
      play.setAttribute("aria-label", this.#player.playing ? "Pause" : "Play");
      play.replaceChildren(icon(this.#player.playing ? PAUSE : PLAY));
    });
    tell();
    this.play = play;
    return el("div", { class: "controls" }, play, time, this.#why.button);
  }

  #cannotPlay() {
    this.#mute = true;
    this.play.title = "This browser can’t play this format";
    this.#soundChanged();
  }
}
