// Scanning folders into the library: choose, watch, stop, go on, and why files failed.

import { get, post, reason } from "./api.js";
import { clock, el, many } from "./dom.js";
import { chooseFolder } from "./folder_dialog.js";
import { settings } from "./settings.js";

const LOOK_AGAIN = 500; // milliseconds
const REMEMBERED = "zhanr-folders";
const FAILURES = 50; // that are listed here; the library lists all

/** The folders that were scanned from this browser. */
const remembered = () => {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED) ?? "[]");
  } catch {
    return [];
  }
};

const remember = (folders) => {
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify([...new Set([...folders, ...remembered()])].slice(0, 20)));
  } catch {
    // the browser keeps nothing: it is chosen again next time
  }
};

/** "1 h 20 min", "3 min", "40 s" */
const span = (seconds) => {
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

/** What a scan did, in words. */
function sentence(summary) {
  const parts = [
    [summary.classified, "classified"],
    [summary.retagged, "with new tags"],
    [summary.moved, "moved"],
    [summary.copies, "copies of known ones"],
    [summary.unchanged, "unchanged"],
    [summary.failed, "failed"],
    [summary.left, "left to do"],
    [summary.missing, "missing"],
  ];
  const told = parts.filter(([n]) => n).map(([n, what]) => `${n.toLocaleString("en")} ${what}`);
  return `${many(summary.found, "song")} found${told.length ? `: ${told.join(", ")}` : ""}.`;
}

class ScanPanel extends HTMLElement {
  #timer = 0;
  #stage = "";

  connectedCallback() {
    this.state = el("p", { class: "c-state", role: "status" });
    this.bar = el("progress", { class: "l-progress", "aria-label": "Progress of the scan", hidden: true });
    this.error = el("p", { class: "l-error", role: "alert" });
    this.actions = el("div", { class: "c-actions" });
    this.advice = el("div", { class: "c-advice" });
    this.failures = el("div", { class: "c-failures" });
    this.replaceChildren(this.state, this.bar, this.actions, this.error, this.advice, this.failures);
    this.#look();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  async #look() {
    try {
      this.#draw(await get("/scan"));
    } catch (error) {
      this.error.textContent = reason(error);
    }
  }

  #draw(status) {
    if (!this.isConnected) return;
    clearTimeout(this.#timer);
    if (status.busy) this.#timer = setTimeout(() => this.#look(), LOOK_AGAIN);
    this.bar.hidden = !status.busy;
    if (status.total) Object.assign(this.bar, { max: status.total, value: status.done });
    else this.bar.removeAttribute("value");
    this.#say(this.#words(status));
    this.error.textContent = status.error ?? "";
    if (status.stage === this.#stage && status.busy) return;
    this.#stage = status.stage;
    this.actions.replaceChildren(...this.#buttons(status));
    this.advice.replaceChildren(...this.#remarks(status));
    this.failures.replaceChildren();
    if (status.summary.problems.length || (!status.busy && status.summary.failed)) this.#listFailures(status.summary);
  }

  #say(text) {
    if (this.state.textContent !== text) this.state.textContent = text;
  }

  #words({ stage, done, total, rate, left, stopping, summary, allowed, conflict }) {
    if (stopping) return "Stopping after the song that is being listened to …";
    if (stage === "looking") return `Looking through the folders: ${many(done, "song")} found so far …`;
    if (stage === "listening") {
      const pace = rate ? `, ${rate.toFixed(1)} a second` : "";
      const rest = left === null ? "" : `, ${span(left)} left`;
      return `${done.toLocaleString("en")} of ${many(total, "song")}${pace}${rest}`;
    }
    if (stage === "done") return `Done in ${clock(summary.seconds)}. ${sentence(summary)}`;
    if (stage === "stopped") return `Stopped; what was done is kept. ${sentence(summary)}`;
    if (stage === "failed") return "The scan has failed.";
    if (stage === "asking")
      return (
        `The songs of the library were classified with ${conflict.known}, and ${conflict.wanted} has genres of its ` +
        "own. Nothing was scanned: say how to go on."
      );
    if (allowed) return "";
    return `This server scans no folders for its pages. In a terminal on it: ${settings.scan}`;
  }

  #buttons({ stage, busy, stopping, folders, summary, allowed, dialog }) {
    const button = (text, onclick, name = "") =>
      el("button", { type: "button", class: `z-button ${name}`, onclick: () => this.#attempt(onclick) }, text);
    if (busy) return [button(stopping ? "Stopping …" : "Stop", () => post("/scan/stop"))];
    if (!allowed) return [];
    if (stage === "asking") return this.#choices(button, folders);
    const known = folders.length ? folders : remembered();
    const again = () => this.#begin(known);
    const names = known.length > 2 ? many(known.length, "folder") : known.join(", ");
    const open = el("a", { class: "z-button primary c-open", href: "/library" }, "Open the library");
    return [
      summary.found > 0 && open,
      button("Scan a folder …", () => this.#choose(dialog), known.length ? "" : "primary"),
      known.length > 0 && button(stage === "stopped" ? "Go on" : `Scan again: ${names}`, again),
      summary.other_model > 0 &&
        button(`Do the ${many(summary.other_model, "song")} of another model anew`, () =>
          this.#begin(known, { again: true }),
        ),
    ].filter(Boolean);
  }

  /** Two vocabularies in one library want the person's word. */
  #choices(button, folders) {
    return [
      button("Do all songs anew with it", () => this.#begin(folders, { again: true }), "primary"),
      button("Only the new ones: genres of both, side by side", () => this.#begin(folders, { mix: true })),
      button("Another folder …", () => this.#choose(false)),
    ];
  }

  /** What is to be told of the library, now that nothing is at work. */
  #remarks({ stage, busy, folders, strange, old_model: old, model, allowed }) {
    if (busy) return [];
    const remark = (text, ...more) => el("p", { class: "l-notice" }, text, ...more);
    const link = (text, onclick) => el("button", { type: "button", class: "l-link", onclick }, text);
    const known = folders.length ? folders : remembered();
    const anew = () => this.#attempt(() => this.#begin(known, { again: true, default: true }));
    return [
      strange &&
        ["done", "stopped"].includes(stage) &&
        remark(`${strange.charAt(0).toUpperCase()}${strange.slice(1)}.`),
      old &&
        remark(
          "Your library was classified with the default model of earlier versions. Today’s knows more music. ",
          allowed && known.length > 0
            ? link("Do all songs anew with it", anew)
            : "Scan its folders anew with it in a terminal: zhanr scan --again --model default FOLDER",
        ),
      model !== settings.model &&
        remark(
          "The library has another model now, with genres of its own. ",
          link("Show them", () => location.reload()),
        ),
    ].filter(Boolean);
  }

  async #choose(dialog) {
    const path = dialog ? (await post("/scan/dialog")).path : await chooseFolder();
    return path === null ? get("/scan") : this.#begin([path]);
  }

  /** `how` as the server takes it: again, default, mix. */
  async #begin(folders, how = {}) {
    const status = await post("/scan", { folders, ...how });
    remember(folders);
    return status;
  }

  async #attempt(work) {
    this.error.textContent = "";
    try {
      this.#draw(await work());
    } catch (error) {
      this.error.textContent = reason(error);
    }
  }

  async #listFailures({ problems, failed }) {
    const found = failed ? await get("/library/rows", { pick: "failed", count: FAILURES }).catch(() => null) : null;
    const rows = [...problems.map(({ path, reason: why }) => [path, why])];
    for (const { path, error } of found?.rows ?? []) rows.push([path, error]);
    if (!rows.length) return;
    const more = (found?.total ?? 0) > FAILURES && `; all ${found.total.toLocaleString("en")} are in the library`;
    this.failures.replaceChildren(
      el(
        "details",
        {},
        el("summary", {}, `${many(rows.length, "file")} could not be read`, more),
        el(
          "ul",
          {},
          ...rows.map(([path, why]) => el("li", {}, el("bdi", {}, path), el("span", { class: "l-bad" }, why))),
        ),
      ),
    );
  }
}

customElements.define("zhanr-scan", ScanPanel);
