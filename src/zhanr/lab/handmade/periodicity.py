"""What rhythm and pitch have in common: enhanced autocorrelation, and its peaks.

T. Tolonen, M. Karjalainen, "A computationally efficient multipitch analysis model", IEEE Transactions on Speech and
Audio Processing 8(6), 2000.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def compressed_spectrum(x: Floats, *, exponent: float = 2.0) -> Floats:
    """|X|**exponent of each row of (..., n), padded so that no lag below n wraps around.

    Less than the usual 2 compresses loud components and makes the peaks of the autocorrelation narrower.
    """
    return np.abs(np.fft.rfft(x, 1 << (2 * x.shape[-1] - 1).bit_length())) ** exponent


def autocorrelation(spectrum: Floats, n: int) -> Floats:
    """The autocorrelation at the lags 0..n-1 from a (compressed) power spectrum, divided by that at lag 0.

    Long lags are seen less often and count less. Silence gives 0.
    """
    r = np.fft.irfft(spectrum)[..., :n]
    zero = r[..., :1]
    return np.divide(r, zero, out=np.zeros_like(r), where=zero > 0)


def enhance(r: Floats, *, factors: tuple[int, ...] = (2, 3)) -> Floats:
    """Remove the peaks at multiples of a period from autocorrelations (..., n).

    What is positive of it, less the same stretched in lag by each factor in turn; negative values become 0.
    """
    lags = np.arange(r.shape[-1])
    clipped = np.maximum(r, 0)
    for factor in factors:
        at = lags / factor
        low = np.floor(at).astype(np.int64)
        high = np.minimum(low + 1, len(lags) - 1)
        stretched = clipped[..., low] + (at - low) * (clipped[..., high] - clipped[..., low])
        clipped = np.maximum(clipped - stretched, 0)
    return clipped


def highest_peaks(x: Floats, n: int, *, first: int = 1, last: int | None = None) -> tuple[Floats, Floats]:
    """Where the highest `n` local maxima of (t,) in `first`..`last` are, and how high: positions and heights, (<= n,).

    Both are those of the parabola through a maximum and its neighbours. The highest comes first; a plateau counts once.
    """
    middle, left, right = x[1:-1], x[:-2], x[2:]
    at = 1 + np.flatnonzero((middle > left) & (middle >= right))
    at = at[(at >= first) & (at <= (len(x) if last is None else last))]
    at = at[np.argsort(-x[at], kind="stable")[:n]]
    a, b, c = x[at - 1], x[at], x[at + 1]
    shift = 0.5 * (a - c) / (a - 2 * b + c)
    return at + shift, b - 0.25 * (a - c) * shift
