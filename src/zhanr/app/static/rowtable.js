// A table of any number of rows: only those in sight exist, and they are fetched when they come into sight.

import { reason } from "./api.js";
import { el, find, focusedIn } from "./dom.js";

const BLOCK = 100; // rows that are fetched together
const BLOCKS_KEPT = 40;
const TALLEST = 8e6; // pixels that browsers can scroll; beyond, the bar moves through the rows in proportion
const PATIENCE = 40; // milliseconds that a scroll rests before rows are fetched

export class RowTable {
  #first = 0;
  #blocks = new Map();
  #waiting = new Set();
  #generation = 0;
  #timer = 0;
  columns;
  fetchRows;
  act;
  sorted;
  rowHeight;
  rowClass;

  /**
   * columns: [{name, title, sort, cell(row) -> Node or text, class}]; fetchRows(start, count) -> {total, rows};
   * act(row, node, event): Enter, a click or a space on a row; sorted(order): a header was chosen.
   *
   * @param {{
   *   label: string, columns: any[],
   *   fetchRows: (start: number, count: number) => Promise<{total: number, rows: any[]}>,
   *   act: (row: any, index: number, event: Event) => void, sorted?: (order: string) => void,
   *   rowHeight?: number, rowClass?: (row: any) => string,
   * }} options
   */
  constructor({ label, columns, fetchRows, act, sorted, rowHeight = 52, rowClass = () => "" }) {
    Object.assign(this, { columns, fetchRows, act, sorted, rowHeight, rowClass });
    this.total = 0;
    this.active = 0;
    this.order = "";
    this.id = `table-${Math.random().toString(36).slice(2, 8)}`;
    this.head = el("div", { class: "t-head", role: "row", "aria-rowindex": 1 });
    this.rows = el("div", { class: "t-rows", role: "presentation" });
    this.space = el("div", { class: "t-space", role: "presentation" }, this.rows);
    this.scroller = el("div", { class: "t-scroll", role: "rowgroup" }, this.space);
    this.message = el("p", { class: "t-message", role: "alert", hidden: true });
    this.grid = el(
      "div",
      { class: "t-grid", role: "grid", tabindex: 0, "aria-label": label },
      el("div", { role: "rowgroup", class: "t-top" }, this.head),
      this.scroller,
    );
    this.node = el("div", { class: "t-table z-card" }, this.grid, this.message);
    this.scroller.addEventListener("scroll", () => this.#draw(), { passive: true });
    this.grid.addEventListener("keydown", (event) => this.#key(event));
    this.rows.addEventListener("click", (event) => this.#click(event));
    new ResizeObserver(() => this.#draw()).observe(this.scroller);
    this.#heads();
  }

  /** Show other rows, from the top; those of the first block may be known already. */
  reset(total = 0, first = null) {
    this.#generation++;
    this.#blocks.clear();
    this.#waiting.clear();
    this.total = total;
    this.active = 0;
    this.message.hidden = true;
    if (first) this.#blocks.set(0, first);
    this.scroller.scrollTop = 0;
    this.#measure();
    this.#draw();
  }

  /** Fetch the rows in sight again, at the place where the person is. */
  refresh(total = this.total) {
    if (total !== this.total) {
      this.total = total;
      this.#measure();
    }
    this.#generation++;
    this.#blocks.clear();
    this.#waiting.clear();
    this.#draw();
  }

  /** A row that has changed. */
  put(index, row) {
    const block = this.#blocks.get(Math.floor(index / BLOCK));
    if (block) block[index % BLOCK] = row;
    this.#draw();
  }

  row(index) {
    return this.#blocks.get(Math.floor(index / BLOCK))?.[index % BLOCK];
  }

  redraw() {
    this.#draw();
  }

  #heads() {
    this.head.replaceChildren(
      ...this.columns.map((column) => {
        const way = this.order === column.sort ? "ascending" : this.order === `-${column.sort}` ? "descending" : "none";
        const cell = el("div", {
          role: "columnheader",
          class: `t-cell ${column.class ?? ""}`,
          "aria-sort": column.sort ? way : null,
        });
        if (!column.sort) cell.append(column.node ?? column.title);
        else
          cell.append(
            el("button", { type: "button", class: "t-sort", onclick: () => this.#sort(column) }, column.title),
          );
        return cell;
      }),
    );
  }

  setOrder(order) {
    this.order = order;
    this.#heads();
  }

  #sort(column) {
    const first = column.largeFirst ? `-${column.sort}` : column.sort;
    const other = column.largeFirst ? column.sort : `-${column.sort}`;
    this.setOrder(this.order === first ? other : first);
    const again = [...this.head.querySelectorAll("button")].find((b) => b.textContent === column.title);
    again?.focus();
    this.sorted(this.order);
  }

  get #scaled() {
    return this.total * this.rowHeight > TALLEST;
  }

  #measure() {
    this.scroller.style.maxHeight = `${Math.max(2, this.total) * this.rowHeight}px`;
    this.space.style.height = `${Math.min(this.total * this.rowHeight, TALLEST)}px`;
    this.grid.setAttribute("aria-rowcount", String(this.total + 1));
  }

  /** The first row in sight, with its fraction. */
  get #top() {
    const { scrollTop, clientHeight } = this.scroller;
    if (!this.#scaled) return scrollTop / this.rowHeight;
    return (scrollTop / (TALLEST - clientHeight)) * (this.total - clientHeight / this.rowHeight);
  }

  #scrollTo(index) {
    const visible = this.scroller.clientHeight / this.rowHeight;
    const top = this.#top;
    const wanted = index < top ? index : index + 1 > top + visible ? index + 1 - visible : null;
    if (wanted === null) return;
    this.scroller.scrollTop = this.#scaled
      ? (wanted / (this.total - visible)) * (TALLEST - this.scroller.clientHeight)
      : wanted * this.rowHeight;
  }

  #draw() {
    const top = this.#top,
      count = Math.ceil(this.scroller.clientHeight / this.rowHeight) + 1;
    this.#first = Math.max(0, Math.floor(top) - (this.#scaled ? 0 : 3));
    const last = Math.min(this.total, Math.floor(top) + count + (this.#scaled ? 0 : 3));
    const offset = this.#scaled ? this.scroller.scrollTop - (top % 1) * this.rowHeight : this.#first * this.rowHeight;
    this.rows.style.transform = `translateY(${offset}px)`;
    const focused = focusedIn(this.rows, "key");
    const nodes = [];
    let complete = true;
    for (let i = this.#first; i < last; i++) {
      const row = this.row(i);
      complete &&= row !== undefined;
      nodes.push(this.#rowNode(i, row));
    }
    this.#keep(nodes);
    if (focused) find(this.rows, `[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    this.grid.setAttribute("aria-activedescendant", `${this.id}-${this.active}`);
    this.node.dataset.complete = String(complete);
    clearTimeout(this.#timer);
    if (!complete) this.#timer = setTimeout(() => this.#fetch(this.#first, last), PATIENCE);
  }

  /** Leave rows that are as they were in their place, so that what has the focus keeps it. */
  #keep(nodes) {
    const old = new Map([...this.rows.children].map((node) => [node.getAttribute("data-index"), node]));
    const now = nodes.map((node) => {
      const before = old.get(node.dataset.index);
      return before?.isEqualNode(node) ? before : node;
    });
    const same = now.length === this.rows.children.length && now.every((node, i) => node === this.rows.children[i]);
    if (!same) this.rows.replaceChildren(...now);
  }

  #rowNode(index, row) {
    const node = el("div", {
      role: "row",
      class: `t-row ${row ? this.rowClass(row) : "t-empty"} ${index === this.active ? "t-active" : ""}`,
      id: `${this.id}-${index}`,
      "aria-rowindex": index + 2,
      "data-index": index,
      style: { height: `${this.rowHeight}px` },
    });
    for (const column of this.columns) {
      const content = row ? column.cell(row, index) : "";
      node.append(el("div", { role: "gridcell", class: `t-cell ${column.class ?? ""}` }, content ?? ""));
    }
    return node;
  }

  async #fetch(from, to) {
    const generation = this.#generation;
    for (let block = Math.floor(from / BLOCK); block <= Math.floor((to - 1) / BLOCK); block++) {
      if (this.#blocks.has(block) || this.#waiting.has(block)) continue;
      this.#waiting.add(block);
      try {
        const { total, rows } = await this.fetchRows(block * BLOCK, BLOCK);
        if (generation !== this.#generation) return;
        this.message.hidden = true;
        this.#blocks.set(block, rows);
        if (total !== this.total) {
          this.total = total;
          this.#measure();
        }
        while (this.#blocks.size > BLOCKS_KEPT) this.#blocks.delete(this.#blocks.keys().next().value);
      } catch (error) {
        if (generation !== this.#generation) return;
        this.message.textContent = reason(error);
        this.message.hidden = false;
        return;
      } finally {
        if (generation === this.#generation) this.#waiting.delete(block);
      }
      this.#draw();
    }
  }

  #click(event) {
    const node = event.target.closest(".t-row");
    if (!node) return;
    this.active = Number(node.dataset.index);
    const row = this.row(this.active);
    if (row && !event.target.closest("input, select")) this.act?.(row, this.active, event);
    this.#draw();
  }

  #key(event) {
    if (event.target !== this.grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / this.rowHeight) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      this.active = Math.max(0, Math.min(this.total - 1, this.active + steps[event.key]));
      this.#scrollTo(this.active);
      this.#draw();
    } else if (event.key === "Enter" || event.key === " ") {
      const row = this.row(this.active);
      if (row) this.act?.(row, this.active, event);
    } else return;
    event.preventDefault();
  }
}
