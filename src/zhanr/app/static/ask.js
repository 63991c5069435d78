// A question that must be answered before anything else is done.

import { el } from "./dom.js";

/** Resolves to whether the person said yes; `note` says what that means. */
export function ask(question, note, yes) {
  const before = document.activeElement;
  return new Promise((resolve) => {
    const answer = (sure) => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve(sure);
    };
    const button = (text, kind, sure) =>
      el("button", { type: "button", class: `z-button ${kind}`, onclick: () => answer(sure) }, text);
    const dialog = /** @type {HTMLDialogElement} */ (
      el(
        "dialog",
        { class: "g-dialog", "aria-labelledby": "question", oncancel: () => answer(false) },
        el("h2", { id: "question" }, question),
        el("p", {}, note),
        el("div", { class: "r-actions" }, button(yes, "primary", true), button("Cancel", "", false)),
      )
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
