// What the application asks of its server, done in the browser: the sound never leaves it. See `worker.js`.

import { conclude, strip } from "./answer.js";
import { settings } from "./settings.js";

const { model } = settings;
const RATE = 48000; // in hertz; well above the model's, as browsers resample less well than it is used to
const files = new Map(); // by the id of the "upload"
let count = 0;

/** What the pages say where they get nothing from where they came from. */
export const GONE = "The page can’t be loaded. Is there a network?";

/** Nothing is refused here but what the browser can't do; the class is what the pages know. */
export class Refused extends Error {
  status = 0;
}

/** What went wrong in words. */
export const reason = (error) => error.message || String(error);

/** Keep a file for its analysis. */
export async function upload(file, name) {
  const id = String(++count);
  files.set(id, file);
  return { id, name, size: file.size };
}

/** The events of an analysis, as they come. */
export async function* analysis(id, signal) {
  yield { progress: 0 };
  const file = files.get(id);
  const samples = await decode(file);
  if (signal.aborted) return;
  const seconds = samples.length / RATE;
  const { outputs, peaks } = await run(samples);
  if (Number.isNaN(outputs.probabilities[0])) throw new Error(nothing(seconds, peaks));
  const { per_column, ...pictures } = strip(outputs.picture, model.n_bins, peaks);
  const answer = { ...conclude(model, outputs, seconds), column_seconds: per_column * model.frame_seconds };
  const codec = /\.(\w+)$/.exec(file.name)?.[1] ?? "";
  yield { song: { ...answer, ...pictures, codec, sample_rate: null, n_bins: model.n_bins, warnings: [] } };
}

/** The samples (n,) of a file at `RATE`, the mean of its channels. */
async function decode(file) {
  const bytes = await file.arrayBuffer();
  let sound;
  try {
    sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes);
  } catch {
    throw new Error("this browser can’t decode the file: it is no music, or of a kind that only the program reads");
  }
  const mono = sound.getChannelData(0);
  for (let channel = 1; channel < sound.numberOfChannels; channel++) {
    const other = sound.getChannelData(channel);
    for (let i = 0; i < mono.length; i++) mono[i] += other[i];
  }
  for (let i = 0; i < mono.length; i++) mono[i] /= sound.numberOfChannels;
  return mono.slice();
}

const nothing = (seconds, peaks) =>
  seconds < model.min_seconds
    ? `only ${seconds.toFixed(2)} seconds of sound; at least ${model.min_seconds} are needed to tell a genre`
    : `there is nothing but silence in it${peaks.some(Boolean) ? ", or too short a sound" : ""}`;

// -- the model, in a thread of its own, which begins to load with the page

const worker = new Worker("worker.js", { type: "module" });
const waiting = new Map();

/** Resolves when the model is there, or can't be had. */
export const loaded = new Promise((resolve) => waiting.set(0, { resolve, reject: resolve }));

worker.onmessage = ({ data: { id, error, ...found } }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error) reject(new Error(error));
  else resolve(found);
};
worker.onerror = () => {
  for (const { reject } of waiting.values()) reject(new Error("the model could not be loaded; try the page again"));
  waiting.clear();
};

const run = (samples) =>
  new Promise((resolve, reject) => {
    const id = ++count;
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, samples, rate: RATE, model }, [samples.buffer]);
  });

// -- what there is nothing to ask for

export const forget = (id) => files.delete(id);

export const present = async (ids) => ids.filter((id) => files.has(id));

export const uploadSound = () => "";

export const librarySound = () => "";

const never = async () => {
  throw new Refused("Only the program does that.");
};

export { never as plainLibrarySound, never as plainSound, never as why };
