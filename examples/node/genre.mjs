// The genre of a WAV file in Node: node genre.mjs zhanr.onnx song.wav card.json
import { readFileSync } from "node:fs";

process.env.ORT_DISABLE_TELEMETRY = "1"; // before it is loaded: some of its builds report their use
const { InferenceSession, Tensor } = await import("onnxruntime-node");

/** Mono samples, full scale -1..1, of a 16-bit WAV file. */
function samplesOf(path, rate) {
  const file = readFileSync(path);
  let format = null;
  for (let at = 12; at + 8 <= file.length; at += 8 + file.readUInt32LE(at + 4)) {
    const name = file.toString("latin1", at, at + 4);
    if (name === "fmt ") format = { channels: file.readUInt16LE(at + 10), rate: file.readUInt32LE(at + 12) };
    if (name !== "data") continue;
    if (format.rate !== rate) throw new Error(`${path}: samples at ${rate} Hz are needed`);
    const length = Math.min(file.readUInt32LE(at + 4), file.length - at - 8);
    const mono = new Float32Array(Math.floor(length / 2 / format.channels));
    for (let i = 0; i < mono.length * format.channels; i++)
      mono[Math.floor(i / format.channels)] += file.readInt16LE(at + 8 + 2 * i) / 32768 / format.channels;
    return mono;
  }
  throw new Error(`${path}: no WAV file`);
}

const [model, song, cardFile] = process.argv.slice(2);
const card = JSON.parse(readFileSync(cardFile)); // what `zhanr model info` prints
const session = await InferenceSession.create(model);
const samples = samplesOf(song, card.features.sample_rate);
const input = { samples: new Tensor("float32", samples, [samples.length]) };
const found = await session.run(input, ["probabilities", "novelty"]);
const probabilities = [...found.probabilities.data];
const best = probabilities.indexOf(Math.max(...probabilities));
const { confidence, novelty } = card.thresholds;
const sure = probabilities[best] >= confidence && found.novelty.data[0] <= novelty;
console.log(sure ? card.labels[best] : "not sure", probabilities[best].toFixed(4));
