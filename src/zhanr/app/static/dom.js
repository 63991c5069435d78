// Small helpers: elements, numbers in words.

/**
 * el("p", {class: "x", onclick: f}, "text", child): an element; text is always text, never markup.
 *
 * `style` is an object of custom properties, {"--share": 0.5}. A state (aria-...) is always "true" or "false"; of other
 * attributes, `true` is one without a value, and `false` is none.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} attributes
 * @param {(Node | string | number | false | null | undefined)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [property, v] of Object.entries(value)) node.style.setProperty(property, v);
    else if (name.startsWith("aria-")) node.setAttribute(name, String(value));
    else if (typeof value === "boolean") node.toggleAttribute(name, value);
    else node.setAttribute(name, value);
  }
  for (const child of children) if (child != null && child !== false) node.append(/** @type {Node | string} */ (child));
  return node;
}

/**
 * The first element inside `node` that fits a selector.
 *
 * @param {Element} node
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export const find = (node, selector) => node.querySelector(selector);

/** The attribute data-NAME of what has the focus inside `node`; null where nothing there has it. */
export const focusedIn = (node, name) =>
  node.contains(document.activeElement) ? document.activeElement.getAttribute(`data-${name}`) : null;

/** An icon of 24 x 24 from the data of a path. */
export function icon(path, { filled = true } = {}) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(svg.namespaceURI, "path");
  shape.setAttribute("d", path);
  const line = { fill: "none", stroke: "currentColor", "stroke-width": "2" };
  const style = filled ? { fill: "currentColor" } : { ...line, "stroke-linecap": "round", "stroke-linejoin": "round" };
  for (const [name, value] of Object.entries(style)) shape.setAttribute(name, value);
  svg.append(shape);
  return svg;
}

/** 75.3 -> "1:15" */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 0.001));
  const hours = Math.floor(whole / 3600),
    minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** "1 song", "1,200 songs" */
export const many = (n, one, more = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : more}`;

/** 0.9979 -> "> 99 %", or with one digit "99.8 %"; no answer is certain. */
export function percent(p, digits = 0) {
  const step = 10 ** -digits;
  if (100 * p >= 100 - step / 2) return `> ${(100 - step).toFixed(digits)} %`;
  if (p > 0 && 100 * p < step / 2) return `< ${step.toFixed(digits)} %`;
  return `${(100 * p).toFixed(digits)} %`;
}

/** 7108 -> "7.1 kHz", 426 -> "430 Hz" */
export const hertz = (f) => (f >= 1000 ? `${+(f / 1000).toFixed(1)} kHz` : `${Math.round(f / 10) * 10} Hz`);

/** 12345678 -> "12 MB" */
export const megabytes = (n) => (n < 1e6 ? `${Math.ceil(n / 1e3)} kB` : `${(n / 1e6).toFixed(n < 1e7 ? 1 : 0)} MB`);

export const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** Whether the person wants nothing to move by itself. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export const PLAY = "M8 5.14v13.72a1 1 0 0 0 1.52.85l10.9-6.86a1 1 0 0 0 0-1.7L9.52 4.29A1 1 0 0 0 8 5.14z";
export const PAUSE = "M7 5h3.5v14H7zM13.5 5H17v14h-3.5z";
export const CLOSE = "M6 6l12 12M18 6L6 18";
export const NEXT = "M6 5.2v13.6a.8.8 0 0 0 1.24.67L17 13v6h2V5h-2v6L7.24 4.53A.8.8 0 0 0 6 5.2z";
export const PREVIOUS = "M18 5.2v13.6a.8.8 0 0 1-1.24.67L7 13v6H5V5h2v6l9.76-6.47A.8.8 0 0 1 18 5.2z";
