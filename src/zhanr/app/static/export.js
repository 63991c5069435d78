// Answers as a file to keep: CSV and JSON as `zhanr classify` prints them, and a playlist.

import { settings } from "./settings.js";

const quoted = (value) => {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** The columns of `zhanr classify --csv`. */
export function csv(songs) {
  const rows = songs.map(({ name, answer, error }) => {
    if (!answer) return [name, ...settings.genres.map(() => ""), "", "", "", "", "", error];
    const { genre, confidence, probabilities, duration, warnings, reason } = answer;
    const all = settings.genres.map((label) => probabilities[label] ?? "");
    return [name, genre, confidence, ...all, duration, warnings.join("; "), reason, ""];
  });
  const head = ["path", "genre", "confidence", ...settings.genres, "duration", "warnings", "reason", "error"];
  return [head, ...rows].map((row) => `${row.map(quoted).join(",")}\n`).join("");
}

/** A list of the answers of `zhanr classify --json`. */
export const json = (songs) =>
  `${JSON.stringify(
    songs.map(({ name, answer, error }) => {
      if (!answer) return { path: name, error };
      const { codec, sample_rate, column_seconds, n_bins, ...plain } = answer;
      return plain;
    }),
    null,
    1,
  )}\n`;

/** A playlist by the files' names, which is all that a browser tells: to be put where the files are. */
export const m3u = (songs) =>
  ["#EXTM3U", ...songs.flatMap(({ name, answer }) => [`#EXTINF:${Math.round(answer?.duration ?? -1)},${name}`, name])]
    .map((line) => `${line}\n`)
    .join("");

/** Have the browser save a text. */
export function save(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
