// Genres into the files, in four steps: plan, look through and edit, try, write; and the way back.

import { get, post, reason } from "./api.js";
import { ask } from "./ask.js";
import { el, many, percent } from "./dom.js";
import { heading, liveLine, scanned } from "./library_parts.js";
import { RowTable } from "./rowtable.js";
import { settings } from "./settings.js";

const LOOK_AGAIN = 300; // milliseconds between two looks at a job
const MODES = {
  empty: ["Only where there is none", "files that have a genre stay as they are"],
  replace: ["Replace", "the new genre takes the place of the old one"],
  add: ["Add", "the new genre stands beside the old one"],
};
const UNITS = { track: "song", album: "album", artist: "artist" };
const DOING = { planning: "Planning", trying: "Trying", writing: "Writing", undoing: "Taking back" };
const PARTS = { write: "To write", left: "Left alone", problems: "Problems", all: "All" };

class TagsPage extends HTMLElement {
  async connectedCallback() {
    this.append(heading("Tags"));
    if (!(await scanned(this)) || !this.isConnected) return;
    this.shown = "write"; // `part` is an element's own
    this.table = new RowTable({
      label: "The plan",
      columns: this.#columns(),
      fetchRows: (start, count) => get(`/tags/jobs/${this.job}/rows`, { part: this.shown, start, count }),
      act: () => {},
      rowHeight: 60,
      rowClass: (row) => (row.write === null ? "g-problem" : row.write ? "" : "l-left"),
    });
    this.error = el("p", { class: "l-error", role: "alert" });
    this.live = liveLine("l-status");
    this.bar = el("progress", { class: "l-progress", "aria-label": "Progress", hidden: true });
    this.stop = el(
      "button",
      { type: "button", class: "z-button", hidden: true, onclick: () => this.#post(`/tags/jobs/${this.job}/stop`) },
      "Stop",
    );
    this.sums = el("ul", { class: "g-sums", "aria-label": "Genres to write" });
    this.result = el(
      "section",
      { class: "g-plan", hidden: true },
      this.sums,
      this.#partsBar(),
      this.table.node,
      this.#steps(),
    );
    this.earlier = el("section", { class: "g-runs", "aria-label": "Earlier runs" });
    this.append(
      this.#form(),
      this.error,
      el("div", { class: "g-work" }, this.live, this.bar, this.stop),
      this.result,
      this.earlier,
    );
    this.#drawRuns();
    const job = new URLSearchParams(location.search).get("job");
    if (job) this.#follow(job).catch(() => history.replaceState(history.state, "", location.pathname));
  }

  // -- the parts of the page

  #form() {
    this.threshold = el("input", {
      type: "number",
      id: "threshold",
      class: "l-input",
      min: 0,
      max: 100,
      step: 1,
      value: Math.round(100 * settings.threshold),
      required: true,
    });
    this.where = el("input", {
      type: "search",
      id: "where",
      class: "l-input",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "all songs, or: genre=jazz path~live",
      value: new URLSearchParams(location.search).get("q") ?? "",
    });
    this.by = el(
      "select",
      { id: "by", class: "l-input" },
      ...Object.entries(UNITS).map(([unit, name]) =>
        el("option", { value: unit, selected: unit === settings.by }, name),
      ),
    );
    const modes = Object.entries(MODES).map(([mode, [name, what]]) =>
      el(
        "label",
        { class: "g-mode" },
        el("input", { type: "radio", name: "mode", value: mode, checked: mode === "empty" }),
        el("span", {}, el("b", {}, name), el("span", { class: "l-faint" }, what)),
      ),
    );
    this.form = el(
      "form",
      {
        class: "z-card g-form",
        onsubmit: (event) => {
          event.preventDefault();
          this.#plan();
        },
      },
      el("fieldset", {}, el("legend", {}, "Where to write"), ...modes),
      el(
        "div",
        { class: "g-fields" },
        el("label", { for: "threshold" }, "At least so sure, in %", this.threshold),
        el("label", { for: "where" }, "Which songs", this.where),
        el("label", { for: "by" }, "One genre for each", this.by),
        el("button", { class: "z-button primary" }, "Make a plan"),
      ),
      el("p", { class: "l-faint" }, "A plan changes no file. Your own corrections always count as sure."),
    );
    return this.form;
  }

  #partsBar() {
    this.parts = el("div", { class: "g-parts", role: "group", "aria-label": "Show" });
    this.choose = el(
      "span",
      { class: "g-choose" },
      el("button", { type: "button", class: "l-link", onclick: () => this.#chooseAll(true) }, "Choose all"),
      el("button", { type: "button", class: "l-link", onclick: () => this.#chooseAll(false) }, "Choose none"),
    );
    return el("div", { class: "g-head" }, this.parts, this.choose);
  }

  #steps() {
    this.try = el(
      "button",
      { type: "button", class: "z-button", onclick: () => this.#go("try") },
      "Try, without writing",
    );
    this.write = el(
      "button",
      {
        type: "button",
        class: "z-button primary",
        onclick: () =>
          this.#confirm(
            this.status.write === 1
              ? "Write a genre into 1 file?"
              : `Write genres into ${many(this.status.write, "file")}?`,
            "Every change can be taken back, to the last byte.",
            "Write",
            () => this.#go("write"),
          ),
      },
      "Write…",
    );
    this.hint = el("p", { class: "l-faint" });
    return el("div", { class: "g-steps" }, this.try, this.write, this.hint);
  }

  async #confirm(question, note, yes, action) {
    if (await ask(question, note, yes)) action();
  }

  #columns() {
    return [
      {
        title: el("span", { class: "z-hidden" }, "Write"),
        class: "c-play",
        cell: (row, index) => this.#check(row, index),
      },
      { title: "File", class: "c-title", cell: (row) => this.#file(row) },
      { title: "Old → new", class: "c-change", cell: (row, index) => this.#change(row, index) },
      { title: "Sure", class: "c-sure", cell: (row) => (row.confidence == null ? "" : percent(row.confidence)) },
      { title: "Why", class: "c-why", cell: (row) => this.#why(row) },
    ];
  }

  #file(row) {
    const cut = Math.max(row.path.lastIndexOf("/"), row.path.lastIndexOf("\\"));
    return el(
      "div",
      { class: "c-two", title: row.path },
      el("span", {}, row.path.slice(cut + 1)),
      el("span", { class: "l-faint r-path" }, el("bdi", {}, row.path.slice(0, cut))),
      this.#outcome(row, "g-narrow"),
    );
  }

  #check(row, index) {
    if (row.write === null) return "";
    return el("input", {
      type: "checkbox",
      "aria-label": `Write ${row.path}`,
      "data-key": `w${row.id}`,
      checked: row.write,
      disabled: !this.#editable,
      onchange: (event) => this.#edit(row, index, { write: event.target.checked }, event.target),
    });
  }

  #change(row, index) {
    if (row.write === null) return "";
    const input = el("input", {
      class: "g-genre",
      "aria-label": `New genre of ${row.path}`,
      "data-key": `g${row.id}`,
      value: row.new,
      maxlength: 1000,
      disabled: !this.#editable,
      autocomplete: "off",
    });
    input.addEventListener("change", () => this.#edit(row, index, { genre: input.value }, input));
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") input.blur();
    });
    return el(
      "div",
      { class: "g-change" },
      el("span", { class: "g-old" }, row.old || "none"),
      el("span", { "aria-hidden": "true" }, "→"),
      input,
    );
  }

  #why(row) {
    const status = this.#outcome(row);
    return el(
      "div",
      { class: "c-two", title: row.why || row.reason },
      status || el("span", {}, row.reason),
      status && el("span", { class: "l-faint" }, row.reason),
    );
  }

  #outcome(row, name = "") {
    const bad = ["refused", "failed"].includes(row.status);
    return row.status
      ? el("span", { class: `${name} ${bad ? "l-bad" : "g-done"}` }, [row.status, row.why].filter(Boolean).join(": "))
      : null;
  }

  get #editable() {
    return ["planned", "tried"].includes(this.status?.stage);
  }

  // -- what a person does

  async #plan() {
    await this.#attempt(async () => {
      const { job } = await post("/tags/plans", {
        mode: /** @type {RadioNodeList} */ (this.form.elements.namedItem("mode")).value,
        threshold: Number(this.threshold.value) / 100,
        where: this.where.value.trim(),
        by: this.by.value,
      });
      history.replaceState(history.state, "", `?job=${job}`);
      await this.#follow(job);
    });
  }

  async #go(what) {
    await this.#attempt(async () => {
      await post(`/tags/jobs/${this.job}/${what}`);
      await this.#follow(this.job);
    });
  }

  async #edit(row, index, change, input) {
    await this.#attempt(
      async () => {
        const now = await post(`/tags/jobs/${this.job}/rows`, { row: row.id, ...change });
        const tried = this.status.stage === "tried";
        this.#draw(now);
        if (tried)
          this.table.refresh(); // what was tried was another plan
        else this.table.put(index, now.row);
      },
      () => {
        input.value = row.new;
        input.checked = row.write;
      },
    );
  }

  async #chooseAll(write) {
    await this.#attempt(async () => {
      this.#draw(await post(`/tags/jobs/${this.job}/rows`, { write }));
      await this.#show();
    });
  }

  #undo(run) {
    this.#confirm(
      `Take back ${many(run.files, "file")}?`,
      "Each gets its old bytes again. Files that were changed since by something else are left alone.",
      "Take back",
      () =>
        this.#attempt(async () => {
          const { job } = await post("/tags/undo", { run: run.run });
          history.replaceState(history.state, "", `?job=${job}`);
          await this.#follow(job);
        }),
    );
  }

  async #post(path) {
    await this.#attempt(() => post(path));
  }

  async #attempt(work, otherwise = () => {}) {
    this.error.textContent = "";
    try {
      await work();
    } catch (error) {
      this.error.textContent = reason(error);
      otherwise();
    }
  }

  // -- following a job

  async #follow(job) {
    this.job = job;
    for (;;) {
      this.#draw(await get(`/tags/jobs/${job}`));
      if (this.job !== job || !this.isConnected) return;
      if (!this.status.busy) break;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
    }
    const { counts, rows } = this.status;
    this.shown = counts.refused || counts.failed || !rows ? "problems" : "write";
    this.#draw(this.status);
    await this.#show();
    if (["written", "undone", "failed"].includes(this.status.stage)) this.#drawRuns();
  }

  async #show() {
    const found = await get(`/tags/jobs/${this.job}/rows`, { part: this.shown, start: 0, count: 100 });
    this.table.reset(found.total, found.rows);
  }

  #draw(status) {
    const before = this.status?.stage;
    this.status = status;
    this.bar.hidden = this.stop.hidden = !status.busy;
    if (status.total) {
      this.bar.max = status.total;
      this.bar.value = Math.min(status.done, status.total);
    } else this.bar.removeAttribute("value");
    this.form.querySelector("button").disabled = status.busy;
    this.error.textContent = status.error ?? "";
    this.result.hidden = status.busy || (!status.rows && !status.problems);
    this.live.textContent = this.#sentence(status);
    this.sums.replaceChildren(
      ...status.genres.map(([genre, count]) =>
        el("li", {}, genre, el("span", { class: "l-count" }, count.toLocaleString("en"))),
      ),
    );
    this.try.disabled = !this.#editable || !status.write;
    this.write.disabled = status.stage !== "tried" || !status.write;
    this.try.hidden = this.write.hidden = this.choose.hidden = !this.#editable || !status.rows;
    this.hint.textContent = this.try.hidden
      ? ""
      : status.stage === "tried"
        ? "The trial has looked at every file; nothing was written."
        : "A trial checks every file first; then you can write.";
    this.parts.replaceChildren(
      ...Object.entries(PARTS).map(([part, name]) => {
        const n = {
          write: status.write,
          left: status.rows - status.write,
          problems: status.problems,
          all: status.rows,
        }[part];
        return el(
          "button",
          {
            type: "button",
            "aria-pressed": part === this.shown,
            onclick: () => {
              this.shown = part;
              this.#draw(this.status);
              this.#attempt(() => this.#show());
            },
          },
          name,
          el("span", { class: "l-count" }, n.toLocaleString("en")),
        );
      }),
    );
    if (before !== status.stage) this.dataset.stage = status.stage;
  }

  #sentence(status) {
    const n = (number) => number.toLocaleString("en");
    const of = status.total ? ` of ${n(status.total)}` : "";
    if (status.busy) return `${DOING[status.stage]} … ${n(status.done)}${of}`;
    const counts = Object.entries(status.counts)
      .map(([what, number]) => `${n(number)} ${what}`)
      .join(", ");
    const stopped = status.stopped ? " It was stopped before the end." : "";
    switch (status.stage) {
      case "planned":
        return `${[
          `${many(status.write, "file")} to write`,
          `${n(status.rows - status.write)} left alone`,
          ...(status.problems ? [many(status.problems, "problem")] : []),
        ].join(", ")}.${stopped}`;
      case "tried":
        return `Tried, nothing was written: ${counts || "nothing to do"}.${stopped}`;
      case "written":
        return `Done: ${counts || "nothing to do"}.${stopped}`;
      case "undone":
        return `Taken back: ${counts || "nothing to do"}.${stopped}`;
      default:
        return "";
    }
  }

  async #drawRuns() {
    let runs = [];
    try {
      ({ runs } = await get("/tags/runs"));
    } catch {
      /* nothing to show */
    }
    this.earlier.replaceChildren(
      ...(runs.length
        ? [
            el("h2", {}, "Earlier runs"),
            el(
              "ul",
              {},
              ...runs.map((run) =>
                el(
                  "li",
                  {},
                  el("span", {}, run.when),
                  el("span", {}, many(run.files, "file")),
                  run.undone
                    ? el("span", { class: "l-faint" }, "taken back")
                    : el("button", { type: "button", class: "z-button", onclick: () => this.#undo(run) }, "Undo"),
                ),
              ),
            ),
          ]
        : []),
    );
  }
}

customElements.define("zhanr-tags", TagsPage);
