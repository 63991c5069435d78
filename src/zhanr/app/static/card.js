// The card of one song: from its upload over the answer to "why".

import { bytes, clock, el, hertz, icon, megabytes, percent } from "./dom.js";
import { Player } from "./player.js";
import { Plot } from "./plot.js";
import * as server from "./server.js";
import { FOR, AGAINST } from "./draw.js";

const PLAY = "M8 5.5v13a1 1 0 0 0 1.5.86l10.5-6.5a1 1 0 0 0 0-1.72L9.5 4.64A1 1 0 0 0 8 5.5z";
const PAUSE = "M7 5h3.5v14H7zM13.5 5H17v14h-3.5z";
const CLOSE = "M6 6l12 12M18 6L6 18";
const N_BARS = 5;
let count = 0;

/** FFmpeg's name of a codec as people know it. */
const codec = (name) => name.replace(/^pcm_.*/, "PCM").replace(/^wmav\d/, "WMA").replace(/(float|fixed)$/, "").replace(/^(mp[123]|flac|aac|alac|ac3)$/, (known) => known.toUpperCase());

export class SongCard {
  #file; #settings; #say; #id = null; #sound = null; #player = null; #plot = null; #similar = null; #url;
  #left = new AbortController();

  /** `say(text)` tells a screen reader; `closed(card)` hears when the person closes it. */
  constructor(file, settings, say, closed) {
    this.#file = file;
    this.#settings = settings;
    this.#say = say;
    this.#url = URL.createObjectURL(file);
    const title = `song-${++count}`;
    this.state = el("p", { class: "state" }, "Waiting for its turn");
    this.bar = el("progress", { max: 1, value: 0, "aria-label": `Progress of ${file.name}` });
    this.body = el("div", { class: "body" }, el("div", { class: "working" }, this.state, this.bar));
    this.meta = el("p", { class: "meta" }, megabytes(file.size));
    const close = el("button", { class: "close", type: "button", "aria-label": `Close ${file.name}`, onclick: () => { this.close(); closed(this); } }, icon(CLOSE, { filled: false }));
    this.node = el("article", { class: "z-card song", "aria-labelledby": title, "aria-busy": "true", tabindex: -1 },
      el("header", {}, el("div", { class: "what" }, el("h2", { id: title }, file.name), this.meta), close), this.body);
  }

  /** Upload the song, wait for its answer and show it, or show why there is none. */
  async run() {
    try {
      if (this.#file.size > this.#settings.max_bytes) throw new Error(`The file has ${megabytes(this.#file.size)}; at most ${megabytes(this.#settings.max_bytes)} are accepted.`);
      if (!this.#file.size) throw new Error("The file is empty.");
      await this.#upload();
      await this.#listen();
    } catch (error) {
      if (!this.#left.signal.aborted) this.#failed(error.message || String(error));
    } finally {
      this.node.setAttribute("aria-busy", "false");
    }
  }

  close() {
    this.#left.abort(new Error("closed"));
    this.forget();
    this.#player?.close();
    this.#plot?.close();
    URL.revokeObjectURL(this.#url);
    this.node.remove();
  }

  /** Delete what the server keeps of it. */
  forget() {
    for (const id of [this.#id, this.#sound]) if (id) server.forget(id);
  }

  async #upload() {
    const told = (share) => this.#progress(share < 1 ? `Uploading, ${percent(share)}` : "Uploaded", share);
    told(0);
    const { id } = await this.#patiently(() => server.upload(this.#file, this.#file.name, told, this.#left.signal));
    this.#id = id;
    if (this.#left.signal.aborted) this.forget();
  }

  async #listen() {
    await this.#patiently(async () => {
      for await (const event of server.analysis(this.#id, this.#left.signal)) {
        if ("waiting" in event) this.#progress(event.waiting ? `Waiting, ${event.waiting} ${event.waiting === 1 ? "song" : "songs"} ahead` : "Waiting, next in line");
        else if ("progress" in event) this.#progress("Listening …", event.progress || undefined);
        else if (event.error) throw new Error(event.error);
        else if (event.song) this.#answered(event.song);
        else if (event.similar) this.#showSimilar(event.similar);
      }
      if (!this.#player) throw new Error("The connection to the server was lost.");
    });
  }

  /** Try again, as late as the server asks for, as long as it is only busy. */
  async #patiently(work) {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (error.status !== 429 && error.status !== 503) throw error;
        this.#progress("Waiting, the server is busy");
        await new Promise((resolve, reject) => {
          setTimeout(resolve, 1000 * Math.max(1, error.retryAfter));
          this.#left.signal.addEventListener("abort", () => reject(this.#left.signal.reason));
        });
      }
    }
  }

  #progress(text, share) {
    if (this.state.textContent !== text) this.state.textContent = text;
    if (share === undefined) this.bar.removeAttribute("value");
    else this.bar.value = share;
  }

  #failed(reason) {
    const text = reason.charAt(0).toUpperCase() + reason.slice(1).replace(/\.?$/, ".");
    this.node.classList.add("failed");
    this.body.replaceChildren(el("p", { class: "verdict" }, "No answer"), el("p", { class: "reason" }, text));
    this.#say(`${this.#file.name}: no answer. ${text}`);
  }

  #answered(song) {
    song.picture = bytes(song.picture);
    song.peaks = bytes(song.peaks);
    this.song = song;
    const genres = Object.entries(song.probabilities), [best] = genres[0];
    const { colours, not_sure: grey, hertz: edges } = this.#settings;
    const colour = song.genre ? colours[song.genre] : grey;
    this.node.style.setProperty("--genre", colour);
    this.meta.textContent = [clock(song.duration), codec(song.codec), `${+(song.sample_rate / 1000).toFixed(1)} kHz`, megabytes(this.#file.size)].join("  ·  ");
    this.#player = Player.make(this.#url, () => this.#plainSound(), song.duration);
    this.#player.addEventListener("cannot", () => this.#cannotPlay());
    this.#plot = new Plot(song, this.#player, { colour, colours, hertz: edges }, this.#file.name);
    this.#similar = el("section", { class: "similar", hidden: true });
    this.body.replaceChildren(...[
      el("div", { class: "answer" }, this.#verdict(song), this.#bars(genres.slice(0, N_BARS), colours)),
      song.warnings.length ? el("p", { class: "warning" }, `Note: ${song.warnings.join("; ")}.`) : null,
      this.#controls(best), this.#plot.node, (this.panel = el("div", { class: "panel", hidden: true })), this.#similar,
    ].filter(Boolean));
    this.#say(`${this.#file.name}: ${song.genre ? `${song.genre}, ${percent(song.confidence)}` : song.reason}`);
  }

  #verdict(song) {
    if (song.genre) return el("div", { class: "verdict" }, el("p", { class: "genre" }, song.genre), el("p", { class: "sure" }, percent(song.confidence)));
    const reason = song.reason.replace(/^not sure: /, "");
    return el("div", { class: "verdict unsure" }, el("p", { class: "genre" }, "not sure"),
      el("p", { class: "reason" }, reason.charAt(0).toUpperCase() + reason.slice(1) + "."));
  }

  #bars(genres, colours) {
    return el("ol", { class: "bars", "aria-label": "The likeliest genres" }, ...genres.map(([genre, p]) =>
      el("li", { style: `--colour: ${colours[genre]}; --share: ${p}` },
        el("span", { class: "name" }, genre), el("span", { class: "bar", "aria-hidden": "true" }), el("span", { class: "number" }, percent(p, 1)))));
  }

  #controls(best) {
    const play = el("button", { class: "play", type: "button", "aria-label": "Play", onclick: () => this.#player.toggle() }, icon(PLAY));
    const time = el("p", { class: "time", "aria-hidden": "true" });
    const ask = el("button", { class: "z-button ask", type: "button", "aria-pressed": "false" }, `Why ${best}?`);
    ask.addEventListener("click", () => this.#why(ask, best));
    if (!this.#settings.hertz) ask.hidden = true;
    const tell = () => (time.textContent = `${clock(this.#player.time)} / ${clock(this.song.duration)}`);
    this.#player.addEventListener("time", tell);
    this.#player.addEventListener("change", () => {
      play.setAttribute("aria-label", this.#player.playing ? "Pause" : "Play");
      play.replaceChildren(icon(this.#player.playing ? PAUSE : PLAY));
    });
    tell();
    this.play = play;
    return el("div", { class: "controls" }, play, time, ask);
  }

  async #why(button, genre) {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", on);
    this.panel.hidden = !on;
    if (!on) return this.#plot.explain(null);
    if (!this.reasons) {
      button.disabled = true;
      this.panel.replaceChildren(el("p", { class: "state" }, "Hiding one patch after the other, and listening again …"), el("progress", { "aria-label": "Explaining" }));
      try {
        this.reasons = await server.why(this.#id, genre, this.#left.signal);
      } catch (error) {
        button.setAttribute("aria-pressed", "false");
        this.panel.replaceChildren(el("p", { class: "reason" }, error.message));
        return undefined;
      } finally {
        button.disabled = false;
        button.focus({ preventScroll: true });
      }
    }
    this.panel.replaceChildren(...this.#reasons(genre));
    return this.#plot.explain(this.reasons);
  }

  #reasons(genre) {
    const { strongest } = this.reasons;
    const key = (colour, text) => el("li", { style: `--colour: ${colour}` }, text);
    const where = ({ hertz: [low, high], seconds: [start, end] }) =>
      el("li", {}, el("button", { type: "button", class: "link", onclick: () => this.#player.seek(start) }, `${clock(start)} to ${clock(end)}`), `, ${this.#band(low, high)}`);
    const text = strongest.length ? `What spoke most for ${genre}:` : `No single place spoke for ${genre}; it is the whole that did.`;
    this.#say([text, ...strongest.map(({ hertz: [a, b], seconds: [c, d] }) => `${clock(c)} to ${clock(d)}, ${this.#band(a, b)};`)].join(" "));
    return [
      el("ul", { class: "legend" }, key(FOR, `spoke for ${genre}`), key(AGAINST, "spoke against it")),
      el("div", { class: "strongest" }, el("p", {}, text), el("ul", {}, ...strongest.map(where))),
      el("p", { class: "note" }, "Found by hiding one patch of the picture after the other and asking the model again."),
    ];
  }

  /** "below 430 Hz", "1.3 to 2 kHz", "above 7.1 kHz" */
  #band(low, high) {
    const { hertz: edges } = this.#settings;
    if (low <= edges[0]) return `below ${hertz(high)}`;
    if (high >= Math.round(edges.at(-1))) return `above ${hertz(low)}`;
    return `${hertz(low)} to ${hertz(high)}`;
  }

  #showSimilar(songs) {
    const { colours } = this.#settings;
    this.#similar.hidden = false;
    this.#similar.append(el("h3", {}, "Similar songs in your library"), el("ul", {}, ...songs.map((song) => {
      const name = [...new Set([song.artist, song.title])].filter(Boolean).join(" – ");
      const button = el("button", { type: "button", class: "play small", "aria-label": `Play ${name}` }, icon(PLAY));
      let player = null;
      button.addEventListener("click", () => {
        player ??= this.#libraryPlayer(song.id, button, name);
        player.toggle();
      });
      return el("li", { style: `--colour: ${colours[song.genre] ?? "var(--muted)"}` }, button,
        el("span", { class: "title" }, name, el("small", {}, song.file)), song.genre ? el("span", { class: "chip" }, song.genre) : null);
    })));
  }

  #libraryPlayer(id, button, name) {
    const player = Player.make(server.librarySound(id), () => Promise.reject(new Error("unknown format")), Infinity);
    player.addEventListener("change", () => {
      button.setAttribute("aria-label", `${player.playing ? "Pause" : "Play"} ${name}`);
      button.replaceChildren(icon(player.playing ? PAUSE : PLAY));
    });
    player.addEventListener("cannot", () => { button.disabled = true; this.#say(`This browser can’t play ${name}.`); });
    this.#left.signal.addEventListener("abort", () => player.close());
    return player;
  }

  async #plainSound() {
    const { id } = await server.plainSound(this.#id, this.#left.signal);
    this.#sound = id;
    return server.uploadSound(id);
  }

  #cannotPlay() {
    this.play.disabled = true;
    this.play.title = "This browser can’t play this format";
  }
}
