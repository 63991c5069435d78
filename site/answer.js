// From what the model says of a song to what the page shows, as `zhanr.classifier` puts it.

const COLUMNS = 2000; // of the pictures, at most; neighbours are merged and the larger value stays

/** `outputs` of the graph as arrays by name; gives an answer as the application's server does. */
export function conclude(model, outputs, duration) {
  const probabilities = named(model, outputs.probabilities);
  const [best, confidence] = Object.entries(probabilities)[0];
  const reason = doubt(model, confidence, outputs.novelty?.[0]);
  return {
    genre: reason ? null : best,
    confidence,
    probabilities,
    duration,
    ...(reason ? { reason } : {}),
    styles: styles(model, outputs.styles),
    timeline: timeline(model, outputs, duration),
  };
}

function named({ labels }, row) {
  const pairs = labels.map((label, i) => [label, row[i]]);
  return Object.fromEntries(pairs.sort((a, b) => b[1] - a[1]));
}

function doubt({ thresholds, words }, confidence, novelty) {
  if (novelty > (thresholds.novelty ?? Infinity)) return words.novel;
  if (confidence < (thresholds.confidence ?? 0)) return `${words.doubtful} of only ${Math.round(100 * confidence)}%`;
  return null;
}

function styles(model, probabilities) {
  return model.styles
    .map(({ name, threshold }, i) => ({ name, probability: probabilities[i], above: probabilities[i] - threshold }))
    .filter(({ above }) => above >= 0)
    .sort((a, b) => b.above - a.above)
    .slice(0, model.max_styles)
    .map(({ name, probability }) => ({ name, probability }));
}

/** A moment for each window, and for the silence in which no window lies. */
function timeline(model, outputs, duration) {
  const n = model.labels.length;
  const moments = [];
  const silence = (start, end) =>
    moments.push({ start, end, genre: null, probabilities: {}, reason: model.words.silence });
  let end = 0;
  [...outputs.window_start].forEach((start, i) => {
    if (start > end + model.gap) silence(end, start);
    end = Math.min(start + model.window_seconds, duration);
    const probabilities = named(model, outputs.window_probabilities.subarray(i * n, (i + 1) * n));
    if (outputs.window_heard[i]) moments.push({ start, end, genre: Object.keys(probabilities)[0], probabilities });
    else silence(start, end);
  });
  const rest = (duration - end) % model.segment_seconds;
  const silent = rest >= model.window_seconds ? duration - end : duration - end - rest;
  if (silent > 0) silence(end, end + silent);
  return moments;
}

/** The picture (n_bins, n_frames) and the waveform's peaks (n_frames,) in few columns. */
export function strip(picture, nBins, peaks) {
  const nFrames = peaks.length;
  let per = 1;
  while (nFrames > COLUMNS * per) per *= 2;
  return { picture: merged(picture, nBins, nFrames, per), peaks: merged(peaks, 1, nFrames, per), per_column: per };
}

function merged(values, nRows, nFrames, per) {
  const width = values.length / nRows; // a picture may have fewer frames than there are peaks
  const n = Math.ceil(nFrames / per);
  const table = new Uint8Array(nRows * n);
  for (let row = 0; row < nRows; row++)
    for (let frame = 0; frame < width && frame < nFrames; frame++) {
      const place = row * n + Math.floor(frame / per);
      table[place] = Math.max(table[place], values[row * width + frame]);
    }
  return table;
}
