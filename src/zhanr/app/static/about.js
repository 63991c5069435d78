// What the first page says before there is a song: what zhanr knows, songs to try, and what else there is.

import { GONE, Refused, reason } from "./api.js";
import { el, icon, PLAY, percent } from "./dom.js";
import { settings } from "./settings.js";

/** Songs that come with zhanr (demo/README.md). */
const DEMOS = { "String quartet": "classical.opus", Metal: "metal.opus" };

/** `add(files)` gets a song that is tried, `failed(text)` why it can't be had. */
export function about(add, failed) {
  return el(
    "section",
    { class: "about", "aria-label": "About zhanr" },
    demos(add, failed),
    known(),
    unsure(),
    settings.server ? further() : program(),
  );
}

function demos(add, failed) {
  const attempt = async (file) => {
    try {
      const response = await fetch(new URL(`demo/${file}`, import.meta.url)).catch(() => null);
      if (!response?.ok) throw new Refused(0, GONE);
      add([new File([await response.blob()], file)]);
    } catch (error) {
      failed(reason(error));
    }
  };
  const buttons = Object.entries(DEMOS).map(([name, file]) => {
    const button = el("button", { type: "button", class: "z-button", onclick: () => attempt(file) });
    button.append(icon(PLAY), name);
    return button;
  });
  return el("div", { class: "try" }, el("p", {}, "No song at hand? Try one of ours:"), ...buttons);
}

function known() {
  const chip = (genre) => el("li", { style: { "--genre": settings.colours[genre] } }, genre);
  return el(
    "div",
    {},
    el("h2", {}, `The ${settings.genres.length} genres it knows`),
    el("ul", { class: "known" }, ...settings.genres.map(chip)),
  );
}

const unsure = () =>
  el(
    "div",
    {},
    el("h2", {}, "“Not sure” is an answer"),
    el(
      "p",
      {},
      "Where a song is between genres, or like nothing that it knows, zhanr says so instead of guessing, ",
      "and shows what it leans to. A probability of 90 % means: nine of ten such answers are right.",
    ),
    settings.expected && el("p", {}, expectation(settings.expected)),
  );

/** What the precision that the server was started with brings. */
const expectation = ({ precision, answered, right }) =>
  `It was asked for a precision of ${percent(precision)}: where the model was measured, ` +
  `${percent(answered)} of the songs were answered, and ${percent(right)} of the answers right.`;

/** On the site, where there is no server. */
const program = () =>
  el(
    "div",
    {},
    el("h2", {}, "More than one song"),
    el(
      "p",
      {},
      "This page works without a network, too. The program zhanr does the same for a whole collection: it finds ",
      "what is doubtful, writes genres into the files, and learns yours.",
    ),
  );

const further = () =>
  el(
    "div",
    {},
    el("h2", {}, "More than one song"),
    el(
      "p",
      {},
      "Scan your whole collection into the ",
      el("a", { href: "/library" }, "library"),
      ", look at doubtful answers, write genres into the files. Programs use the ",
      el("a", { href: "/api/v1/docs" }, "REST interface"),
      ".",
    ),
  );
