// What the pages of the library share.

import { get } from "./api.js";
import { el, icon, PLAY } from "./dom.js";
import { settings } from "./settings.js";

/** A line that screen readers read out when it changes, and that can be seen if it has a class. */
export const liveLine = (name = "z-hidden") => el("p", { class: name, role: "status", "aria-live": "polite" });

/** The colour of a genre, or that of "not sure". */
export const colour = (genre) => settings.colours[genre] ?? settings.not_sure;

/** A genre with its colour. */
export function chip(genre, note = "") {
  return el(
    "span",
    { class: "l-chip", style: { "--genre": colour(genre) } },
    genre,
    note && el("span", { class: "l-note" }, note),
  );
}

export const many = (n, one, more = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : more}`;

export function playButton(label, onclick) {
  const button = el("button", { type: "button", class: "l-play", tabindex: -1, "aria-label": label, onclick });
  button.append(icon(PLAY));
  return button;
}

export const heading = (text) => el("h1", { class: "l-title" }, text);

/** Whether anything has been scanned. Where nothing was, the page says how to. */
export async function scanned(page) {
  const { scanned: any } = await get("/library/version");
  if (!any) page.append(empty("Nothing has been scanned yet"));
  return any;
}

/** Say how to scan. */
export function empty(title = "The library is empty") {
  return el(
    "section",
    { class: "z-card l-empty" },
    el("h2", {}, title),
    el("p", {}, "Let zhanr listen to your music once. In a terminal:"),
    el("pre", {}, settings.scan),
    el("p", {}, "Then come back and reload this page."),
  );
}
