// A dialog to choose a folder of the server's own disk.

import { post, reason } from "./api.js";
import { el, icon } from "./dom.js";

const FOLDER = "M3 7a2 2 0 0 1 2-2h4l2 2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2z";
const UP = "M12 19V6m0 0-6 6m6-6 6 6";

/** Resolves to the path of the folder that is chosen, or null. */
export function chooseFolder() {
  return new Promise((resolve) => {
    const dialog = new FolderDialog((path) => {
      dialog.node.close();
      dialog.node.remove();
      resolve(path);
    });
    document.body.append(dialog.node);
    dialog.node.showModal();
    dialog.open("");
  });
}

class FolderDialog {
  #done;

  constructor(done) {
    this.#done = done;
    this.path = el("h2", { id: "folder-path", class: "f-path", tabindex: -1 });
    this.places = el("div", { class: "f-places", role: "group", "aria-label": "Places" });
    this.list = el("ul", { class: "f-list", "aria-label": "Folders" });
    this.note = el("p", { class: "l-faint", role: "status" });
    this.error = el("p", { class: "l-error", role: "alert" });
    this.choose = this.#button("Scan this folder", () => this.#done(this.folder), "z-button primary");
    this.node = el(
      "dialog",
      { class: "g-dialog f-dialog", "aria-labelledby": "folder-path" },
      this.places,
      this.path,
      this.list,
      this.note,
      this.error,
      el(
        "div",
        { class: "r-actions" },
        this.choose,
        this.#button("Cancel", () => this.#done(null), "z-button"),
      ),
    );
    this.node.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#done(null);
    });
  }

  /** Show what is in a folder. */
  async open(path) {
    this.error.textContent = "";
    try {
      const found = await post("/scan/folders", { path });
      this.folder = found.path;
      this.path.replaceChildren(el("bdi", {}, found.path));
      this.#draw(found);
      this.path.focus();
    } catch (error) {
      this.error.textContent = reason(error);
    }
  }

  #draw({ parent, folders, more, songs, places }) {
    this.places.replaceChildren(
      ...places.map(({ name, path }) => this.#button(name, () => this.open(path), "z-button small")),
    );
    const item = (sign, name, path) => {
      const button = this.#button("", () => this.open(path), "f-item");
      button.append(icon(sign, { filled: false }), el("bdi", {}, name));
      return el("li", {}, button);
    };
    this.list.replaceChildren(
      ...(parent === null ? [] : [item(UP, "up", parent)]),
      ...folders.map(({ name, path }) => item(FOLDER, name, path)),
    );
    const here = songs === 1 ? "1 song lies" : `${songs.toLocaleString("en")} songs lie`;
    const rest = more ? ` ${more.toLocaleString("en")} more folders are not listed.` : "";
    this.note.textContent = `${here} here; those in the folders below are scanned, too.${rest}`;
  }

  #button(text, onclick, name) {
    return el("button", { type: "button", class: name, onclick }, text);
  }
}
