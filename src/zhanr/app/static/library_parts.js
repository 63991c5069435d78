// What the pages of the library share.

import { get, reason } from "./api.js";
import { el, icon, PLAY } from "./dom.js";
import "./scan_panel.js";

/** A line that screen readers read out when it changes, and that can be seen if it has a class. */
export const liveLine = (name = "z-hidden") => el("p", { class: name, role: "status", "aria-live": "polite" });

/** Whose song it is, and of which album. */
export const byline = (row) =>
  el("p", { class: "l-faint" }, el("bdi", {}, [row.artist, row.album].filter(Boolean).join(" · ")));

/** Where the file is. */
export const place = (row) => el("p", { class: "l-faint p-path" }, el("bdi", {}, row.path));

export function playButton(label, onclick) {
  const button = el("button", { type: "button", class: "l-play", tabindex: -1, "aria-label": label, onclick });
  button.append(icon(PLAY));
  return button;
}

export const heading = (text) => el("h1", { class: "l-title" }, text);

/** Whether anything has been scanned. Where nothing was, the page says how to. */
export async function scanned(page) {
  try {
    const { scanned: any } = await get("/library/version");
    if (!any) page.append(empty("Nothing has been scanned yet"));
    return any;
  } catch (error) {
    page.append(el("p", { class: "l-error", role: "alert" }, reason(error)));
    return false;
  }
}

/** Offer to scan, where there is nothing yet. */
export function empty(title = "The library is empty") {
  return el(
    "section",
    { class: "z-card l-empty" },
    el("h2", {}, title),
    el("p", {}, "Choose the folder of your music: zhanr listens to every song in it once, and changes no file."),
    document.createElement("zhanr-scan"),
  );
}
