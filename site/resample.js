// From one sample rate to another with a windowed sinc, the filter with which swresample does it for the program.

const TAPS = 32; // at the lower of the two rates
const CUTOFF = 0.97; // of the lower rate's half
const BETA = 9; // of Kaiser's window

/** (n,) samples at `from` hertz as samples at `to` hertz. */
export function resample(samples, from, to) {
  if (from === to) return samples;
  const step = from / divisor(from, to); // every output lies `step` / `phases` inputs behind the one before
  const phases = to / divisor(from, to);
  const filters = bank(from, to, phases);
  const taps = filters.length / phases;
  const before = (taps - 1) >> 1;
  const padded = new Float32Array(samples.length + 2 * taps);
  padded.set(samples, taps);
  const out = new Float32Array(Math.floor((samples.length * to) / from));
  for (let i = 0; i < out.length; i++) {
    const place = i * step;
    const filter = (place % phases) * taps;
    const first = Math.floor(place / phases) - before + taps;
    let sum = 0;
    for (let k = 0; k < taps; k++) sum += padded[first + k] * filters[filter + k];
    out[i] = sum;
  }
  return out;
}

/** The filters of all phases, one after the other; each sums to 1. */
function bank(from, to, phases) {
  const factor = Math.min(1, (CUTOFF * to) / from);
  const taps = Math.ceil(TAPS / factor);
  const before = (taps - 1) >> 1;
  const filters = new Float32Array(phases * taps);
  for (let phase = 0; phase < phases; phase++) {
    const filter = Array.from({ length: taps }, (_, k) => {
      const x = k - before - phase / phases; // in samples from the centre
      const inside = 1 - ((2 * x) / taps) ** 2;
      return sinc(x * factor) * bessel(BETA * Math.sqrt(Math.max(0, inside)));
    });
    const sum = filter.reduce((a, b) => a + b);
    filters.set(
      filter.map((value) => value / sum),
      phase * taps,
    );
  }
  return filters;
}

const divisor = (a, b) => (b ? divisor(b, a % b) : a);

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** The modified Bessel function of the first kind and order 0, by its series. */
function bessel(x) {
  let sum = 1;
  for (let k = 1, term = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
