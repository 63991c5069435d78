// Genres and styles as pages show them, and ask for them.

import { el, percent } from "./dom.js";
import { settings } from "./settings.js";

let lists = 0;

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

/** The likeliest genres, [name, probability] each, as bars. */
export const likely = (genres, digits = 0) =>
  el(
    "ol",
    { class: "r-top", "aria-label": "The likeliest genres" },
    ...genres.map(([genre, p]) =>
      el(
        "li",
        { style: { "--genre": colour(genre), "--share": p } },
        el("span", { class: "l-name" }, genre),
        el("span", { class: "l-length", "aria-hidden": "true" }),
        el("span", { class: "l-count" }, percent(p, digits)),
      ),
    ),
  );

/** Styles, {name, probability} each; where there is a library, each leads to the songs that have it. Null for none. */
export function styles(all) {
  if (!all?.length) return null;
  const item = ({ name, probability }) => {
    const inside = [name, el("span", { class: "l-count" }, percent(probability))];
    if (!settings.server) return el("li", {}, el("span", { class: "z-style" }, ...inside));
    const address = `/library?${new URLSearchParams({ q: `style=${quoted(name)}` })}`;
    return el("li", {}, el("a", { class: "z-style", href: address, title: `All songs with ${name}` }, ...inside));
  };
  return el("ul", { class: "z-styles", "aria-label": "Styles" }, ...all.map(item));
}

/** A value of the filter language, in quotes where it needs them. */
export const quoted = (text) => (/[\s,"\\]/.test(text) ? `"${text.replace(/["\\]/g, "\\$&")}"` : text);

/** A button for each genre of the model; `keys` are those that do the same, as far as they go. */
export const genreButtons = (choose, { now = null, keys = "" } = {}) =>
  el(
    "div",
    { class: "r-genres", role: "group", "aria-label": "It is" },
    ...settings.genres.map((genre, i) =>
      el(
        "button",
        {
          type: "button",
          class: "r-genre",
          "aria-pressed": genre === now,
          style: { "--genre": colour(genre) },
          onclick: () => choose(genre),
        },
        genre,
        keys[i] && el("kbd", {}, keys[i]),
      ),
    ),
  );

/** A form to type any genre; `store` gets it. `key` is the one that leads here. */
export function genreForm(store, { label = "Another genre", button = "Store", key = "" } = {}) {
  const list = `genres-${++lists}`;
  const input = el("input", {
    class: "l-input",
    list,
    maxlength: 200,
    autocomplete: "off",
    placeholder: "another genre",
    "aria-label": label,
  });
  const submit = (event) => {
    event.preventDefault();
    const genre = input.value.trim();
    if (!genre) return;
    input.blur();
    store(genre);
  };
  const form = el(
    "form",
    { class: "z-typed", onsubmit: submit },
    input,
    el("datalist", { id: list }, ...settings.genres.map((value) => el("option", { value }))),
    el("button", { class: "z-button" }, button, key && el("kbd", {}, key)),
  );
  return { form, input };
}
