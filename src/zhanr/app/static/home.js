// The first page: songs come in by the button, by dropping them or from the microphone, and each becomes a card.

import { el } from "./dom.js";
import { SongCard } from "./card.js";
import { canRecord, recorder } from "./record.js";

const AT_ONCE = 3; // songs that are uploaded or waited for; the others keep their place here

function start(home) {
  const settings = JSON.parse(home.dataset.settings);
  const find = (id) => home.querySelector(`#${id}`);
  const [list, live, drop, input] = ["songs", "live", "drop", "files"].map(find);
  const cards = new Set(), waiting = [];
  let running = 0;

  // several answers may come at once, and a screen reader should read them all
  const say = (text) => {
    const line = el("p", {}, text);
    live.append(line);
    setTimeout(() => line.remove(), 20000);
  };

  function add(files) {
    const songs = [...files];
    if (!songs.length) return;
    home.classList.add("busy");
    for (const file of songs.reverse()) {
      const card = new SongCard(file, settings, say, (closed) => {
        cards.delete(closed);
        if (waiting.includes(closed)) waiting.splice(waiting.indexOf(closed), 1);
        if (!cards.size) home.classList.remove("busy");
        find("pick").focus();
      });
      cards.add(card);
      waiting.unshift(card);
      list.prepend(card.node);
    }
    say(songs.length === 1 ? `${songs[0].name} was added.` : `${songs.length} songs were added.`);
    next();
  }

  function next() {
    while (running < AT_ONCE && waiting.length) {
      running++;
      waiting.shift().run().finally(() => { running--; next(); });
    }
  }

  find("pick").addEventListener("click", () => input.click());
  input.addEventListener("change", () => { add(input.files); input.value = ""; });
  if (canRecord()) {
    find("record").hidden = false;
    recorder(find("record"), { done: (file) => add([file]), said: say });
  }
  dropping(drop, add);
  addEventListener("pagehide", (event) => {
    if (!event.persisted) for (const card of cards) card.forget();
  });
  home.dataset.ready = "true";
}

/** Files may be dropped anywhere on the page; folders give the files in them. */
function dropping(overlay, add) {
  let depth = 0;
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const show = (visible) => overlay.classList.toggle("visible", visible);
  document.addEventListener("dragenter", (event) => { if (carriesFiles(event)) { depth++; show(true); } });
  document.addEventListener("dragleave", (event) => { if (carriesFiles(event) && --depth <= 0) { depth = 0; show(false); } });
  document.addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show(false);
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const plain = [...event.dataTransfer.files];
    add(entries.some((entry) => entry.isDirectory) ? (await Promise.all(entries.map(inside))).flat() : plain);
  });
}

async function inside(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    found.push(...some.filter((e) => !e.name.startsWith(".")));
  }
  return (await Promise.all(found.map(inside))).flat();
}

// NiceGUI builds the page a moment after it has arrived
const wait = () => {
  const home = document.getElementById("home");
  if (home) start(home);
  else requestAnimationFrame(wait);
};
wait();
