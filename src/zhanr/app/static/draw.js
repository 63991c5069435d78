// Drawing a song on canvases that share one time axis: waveform, spectrogram, timeline, explanation.

import { clock, percent } from "./dom.js";

const LEAST = 20; // pixels that a block of the timeline takes at least

/** A canvas of its box's size in real pixels; gives its context, to draw in CSS pixels. */
export function prepare(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = Math.min(devicePixelRatio || 1, 3);
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  return { context, width, height };
}

/** Bars of the loudest sample below each of them; the loudest of the song fills the height. */
export function waveform(canvas, peaks, span, colour) {
  const { context, width, height } = prepare(canvas);
  const pitch = 4,
    n = Math.floor(width / pitch);
  const loudest = peaks.reduce((a, b) => Math.max(a, b), 1);
  context.fillStyle = colour;
  for (let i = 0; i < n; i++) {
    const from = Math.floor((i / n) * span * peaks.length),
      to = Math.max(from + 1, ((i + 1) / n) * span * peaks.length);
    let peak = 0;
    for (let j = from; j < to && j < peaks.length; j++) peak = Math.max(peak, peaks[j]);
    const h = Math.max(2, (peak / loudest) * (height - 4));
    context.beginPath();
    context.roundRect(i * pitch, (height - h) / 2, pitch - 1.5, h, 1.25);
    context.fill();
  }
}

/** The picture that the model reads, (n_bins, n_columns) from the lowest bin, as an image of that size. */
export function image(picture, nBins, colours) {
  const n = picture.length / nBins;
  const canvas = document.createElement("canvas");
  canvas.width = n;
  canvas.height = nBins;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(n, nBins);
  const words = new Uint32Array(pixels.data.buffer);
  for (let bin = 0; bin < nBins; bin++) {
    const row = (nBins - 1 - bin) * n;
    for (let i = 0; i < n; i++) words[row + i] = colours[picture[bin * n + i]];
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/** 256 colours from black over the genre's own to nearly white, their lightness always rising. */
export function ramp(colour) {
  const [r, g, b] = rgb(colour);
  return shades([
    [0, 14, 16, 22],
    [0.3, 14 + 0.28 * r, 16 + 0.28 * g, 22 + 0.28 * b],
    [0.72, r, g, b],
    [1, 255, 250, 240],
  ]);
}

/** 256 greys that leave the light to what is drawn over them. */
export const dim = () =>
  shades([
    [0, 12, 13, 17],
    [1, 150, 154, 164],
  ]);

function shades(stops) {
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const x = i / 255,
      k = Math.max(
        1,
        stops.findIndex((s) => s[0] >= x),
      );
    const [low, high] = [stops[k - 1], stops[k]],
      t = (x - low[0]) / (high[0] - low[0]);
    const [red, green, blue] = [1, 2, 3].map((c) => Math.round(low[c] + t * (high[c] - low[c])));
    return 0xff000000 | (blue << 16) | (green << 8) | red; // little-endian, as all browsers' machines are
  });
}

export const rgb = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));

export function spectrogram(canvas, drawn, span) {
  const { context, width, height } = prepare(canvas);
  context.imageSmoothingQuality = "high";
  context.drawImage(drawn, 0, 0, drawn.width * span, drawn.height, 0, 0, width, height);
}

/** What each moment sounds like: a tinted block, its line as long as it is sure, its genre where the word fits; silence
 * is left empty. */
export function timeline(canvas, moments, duration, colours, ink) {
  const { context, width, height } = prepare(canvas);
  const shown = merged(moments, (LEAST * duration) / width);
  const blocks = shown.map((moment, i) => {
    const next = shown[i + 1]?.start ?? Infinity; // windows may overlap
    const x = (moment.start / duration) * width;
    return {
      genre: moment.genre,
      p: moment.genre ? moment.probabilities[moment.genre] : 0,
      x,
      w: (Math.min(moment.end, next, duration) / duration) * width - x - 2,
    };
  });
  const sounding = blocks.filter(({ genre }) => genre);
  for (const { genre, p, x, w } of sounding) {
    context.fillStyle = colours[genre];
    context.globalAlpha = shown === moments ? 0.1 + 0.25 * p : 0.25 + 0.6 * p; // colour must do where no word fits
    context.beginPath();
    context.roundRect(x, 0, Math.max(1, w), height, 5);
    context.fill();
    context.globalAlpha = 1;
    context.beginPath();
    context.roundRect(x, height - 4, Math.max(1, w * p), 4, 2);
    context.fill();
  }
  context.font = `600 13px ${font(canvas)}`;
  context.fillStyle = ink;
  context.textBaseline = "middle";
  const fits = (text, w) => context.measureText(text).width < w - 14;
  const write = (text, x) => context.fillText(text, x + 8, (height - 3) / 2);
  if (sounding.every(({ genre, p, w }) => fits(`${genre}  ${percent(p)}`, w)))
    for (const { genre, p, x } of sounding) write(`${genre}  ${percent(p)}`, x);
  else for (const { genre, x, end } of stretches(blocks)) if (genre && fits(genre, end - x)) write(genre, x);
}

/** The moments of a long song as fewer ones, none shorter than `least` seconds: means of their probabilities. */
export function merged(moments, least) {
  if (moments.every(({ start, end }) => end - start >= least)) return moments;
  const groups = [];
  for (const moment of moments) {
    const group = groups.at(-1);
    if (group && group[0].start + least > moment.start + 0.5 * (moment.end - moment.start)) group.push(moment);
    else groups.push([moment]);
  }
  return groups.map((group) => {
    if (group.length === 1) return group[0];
    const mean = (genre) => group.reduce((sum, { probabilities }) => sum + probabilities[genre], 0) / group.length;
    const means = Object.keys(group[0].probabilities).map((genre) => [genre, mean(genre)]);
    const [genre] = means.reduce((best, other) => (other[1] > best[1] ? other : best));
    return { start: group[0].start, end: group.at(-1).end, genre, probabilities: Object.fromEntries(means) };
  });
}

/** Neighbours of the same genre as one. */
function stretches(blocks) {
  const found = [];
  for (const { genre, x, w } of blocks) {
    if (found.at(-1)?.genre === genre) found.at(-1).end = x + w;
    else found.push({ genre, x, end: x + w });
  }
  return found;
}

/** Times below, at round numbers of seconds and not too close. */
export function axis(canvas, duration, ink) {
  const { context, width } = prepare(canvas);
  const least = (duration / width) * 72;
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].find((s) => s >= least) ?? 7200;
  context.font = `12px ${font(canvas)}`;
  context.fillStyle = ink;
  context.textBaseline = "top";
  for (let t = 0; t <= duration; t += step) {
    const x = (t / duration) * width,
      text = clock(t),
      w = context.measureText(text).width;
    if (x + w / 2 > width + 1 && t > 0) break;
    context.fillText(text, Math.max(0, x - w / 2), 4);
  }
}

/** Where some frequencies lie, beside the spectrogram and not over it. `edges` are those of the bins, in hertz. */
export function frequencies(canvas, edges, ink) {
  const { context, width, height } = prepare(canvas);
  if (!edges) return;
  context.font = `11px ${font(canvas)}`;
  context.fillStyle = ink;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const f of [250, 1000, 2000, 4000, 8000]) {
    const text = f < 1000 ? String(f) : `${f / 1000}k`; // hertz; the room is narrow
    const y = height * (1 - place(edges, f));
    if (f > edges[0] && f < edges.at(-1) && context.measureText(text).width < width) context.fillText(text, width, y);
  }
}

/** Which share of the height lies below a frequency. */
function place(edges, f) {
  let i = 0;
  while (i + 2 < edges.length && edges[i + 1] < f) i++;
  const inside = (f - edges[i]) / (edges[i + 1] - edges[i]);
  return Math.max(0, Math.min(1, (i + inside) / (edges.length - 1)));
}

export const FOR = "#ffb000",
  AGAINST = "#3d9dff";

/** What spoke for the genre, and what against, smoothly over the spectrogram; the strongest patches with a frame. */
export function saliency(canvas, reasons, duration, edges) {
  const { context, width, height } = prepare(canvas);
  const nBands = reasons.weights.length,
    step = reasons.moments[0][1] - reasons.moments[0][0];
  const n = Math.max(1, Math.round(duration / step));
  const grid = document.createElement("canvas");
  grid.width = n;
  grid.height = nBands;
  const small = grid.getContext("2d"),
    most = Math.max(1e-9, ...reasons.weights.flat().map(Math.abs));
  for (const [b, band] of reasons.weights.entries()) {
    for (const [m, weight] of band.entries()) {
      const column = Math.min(n - 1, Math.floor((reasons.moments[m][0] + reasons.moments[m][1]) / 2 / step));
      const [r, g, blue] = rgb(weight > 0 ? FOR : AGAINST);
      small.fillStyle = `rgb(${r} ${g} ${blue} / ${(weight > 0 ? 0.95 : 0.7) * (Math.abs(weight) / most)})`;
      small.fillRect(column, nBands - 1 - b, 1, 1);
    }
  }
  context.imageSmoothingQuality = "high";
  context.drawImage(grid, 0, 0, ((n * step) / duration) * width, height);
  context.lineWidth = 2;
  context.strokeStyle = "#fff";
  for (const {
    hertz: [low, high],
    seconds: [start, end],
  } of reasons.strongest) {
    const x = (start / duration) * width,
      top = height * (1 - place(edges, high)),
      bottom = height * (1 - place(edges, low));
    context.beginPath();
    context.roundRect(x + 1, top + 1, Math.max(4, ((end - start) / duration) * width - 2), bottom - top - 2, 4);
    context.stroke();
  }
}

const font = (canvas) => getComputedStyle(canvas).fontFamily;
