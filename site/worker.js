// The model in a thread of its own: samples come, what the graph says of them goes back.
//
// Runtime and model lie packed in the folder, since few static hosts pack such files on the way.

import { resample } from "./resample.js";
import { env, InferenceSession, Tensor } from "./runtime.js";

const OUTPUTS = [
  "probabilities",
  "styles",
  "novelty",
  "window_start",
  "window_heard",
  "window_probabilities",
  "picture",
];

async function unpacked(name) {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name} can’t be had`);
  return new Response(response.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function open() {
  const [runtime, model] = await Promise.all([unpacked("runtime.packed"), unpacked("model.packed")]);
  env.wasm.wasmBinary = runtime;
  env.wasm.numThreads = 1; // more of them need headers that a plain static host doesn't send
  const session = await InferenceSession.create(new Uint8Array(model), { executionProviders: ["wasm"] });
  await session.run({ samples: new Tensor("float32", new Float32Array(64000).fill(0.1)) }, ["probabilities"]); // warms up
  return session;
}

const opened = open();
const told = () => self.postMessage({ id: 0 });
opened.then(told, told); // what went wrong is told to whoever asks

let last = Promise.resolve();

self.onmessage = ({ data }) => {
  last = last.then(() => answer(data)); // one after the other
};

async function answer({ id, samples: sound, rate, model }) {
  try {
    const samples = resample(sound, rate, model.sample_rate);
    const peaks = loudest(samples, model.hop_length);
    const session = await opened;
    const names = OUTPUTS.filter((name) => session.outputNames.includes(name));
    const found = await session.run({ samples: new Tensor("float32", samples, [samples.length]) }, names);
    const outputs = Object.fromEntries(names.map((name) => [name, found[name].data]));
    self.postMessage({ id, outputs, peaks });
  } catch (error) {
    self.postMessage({ id, error: error.message });
  }
}

/** The loudest sample of each frame, (n_frames,) 0..255. */
function loudest(samples, hop) {
  const peaks = new Uint8Array(Math.ceil(samples.length / hop));
  for (let frame = 0; frame < peaks.length; frame++) {
    let peak = 0;
    for (const sample of samples.subarray(frame * hop, (frame + 1) * hop)) peak = Math.max(peak, Math.abs(sample));
    peaks[frame] = Math.round(255 * Math.min(1, peak));
  }
  return peaks;
}
