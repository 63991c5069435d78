// From page to page without leaving the document, so that uploads, songs and sound go on.
//
// The links of the navigation are the table of pages. The page NAME is the element <zhanr-NAME> of the module NAME.js.
// An element is made anew whenever one comes to its page; where Back or Forward change only the query of the address,
// it is told by `revisited()`, if it has that.

import "./player_bar.js";
import { GONE } from "./api.js";
import { el } from "./dom.js";
import { dropping } from "./drop.js";
import { songs } from "./songs.js";

const main = document.getElementById("main");
const navigation = /** @type {HTMLAnchorElement[]} */ ([...document.querySelectorAll(".z-nav a")]);
const links = new Map(navigation.map((link) => [link.pathname, link]));
let here = location.pathname;

const element = (link) => `zhanr-${link.textContent.toLowerCase()}`;
const load = (link) => import(`./${link.textContent.toLowerCase()}.js`);

/** Go to a page by its address. */
export async function go(address) {
  const url = new URL(address, location.href);
  if (!links.has(url.pathname)) return location.assign(url);
  history.replaceState({ ...history.state, top: scrollY }, "");
  history.pushState({}, "", url);
  await show(0);
  main.focus({ preventScroll: true }); // as after loading a document: the next Tab goes into the page
}

async function show(top) {
  const path = location.pathname;
  const link = links.get(path);
  if (!link) return location.reload();
  here = path;
  for (const other of links.values()) other.toggleAttribute("aria-current", false);
  link.setAttribute("aria-current", "page");
  document.title = link.dataset.title;
  try {
    await load(link);
  } catch {
    // another version of zhanr is served by now, whose scripts have other addresses
    const there = await fetch(path, { method: "HEAD" }).catch(() => null);
    if (there?.ok) return location.reload();
    main.replaceChildren(el("p", { class: "l-error", role: "alert" }, GONE));
    return;
  }
  if (here !== path) return; // gone on meanwhile
  main.replaceChildren(document.createElement(element(link)));
  scrollTo(0, top);
}

document.addEventListener("click", (event) => {
  /** @type {HTMLAnchorElement | null} */
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  const plain =
    !event.defaultPrevented &&
    event.button === 0 &&
    !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!link || !plain || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.hash || !links.has(link.pathname)) return;
  event.preventDefault();
  go(link.href);
});

addEventListener("popstate", () => {
  if (location.pathname === here) /** @type {any} */ (main.firstElementChild)?.revisited?.();
  else show(history.state?.top ?? 0);
});

dropping(document.getElementById("drop"), async (files) => {
  songs.add(files);
  if (location.pathname !== "/") await go("/");
});

const first = links.get(here);
if (first) load(first); // not awaited: pages import this module
