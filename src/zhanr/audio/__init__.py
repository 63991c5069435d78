"""From a file to its waveform: mono float32 at the rate that is asked for. The only home of PyAV (FFmpeg).

How the samples are made, always in this order:

1. FFmpeg decodes the chosen stream (see `container.choose_stream`) and trims encoder delay and padding where the file
   states them, so that mp3, AAC and Opus start where the original did. Integers are scaled by their full range.
2. Down-mix: the plain mean of all channels, whatever their layout (librosa's `to_mono`). No surround matrix and
   no clipping: music on the left only comes out at half its amplitude, and float samples above 1 stay above 1.
3. Resampling: FFmpeg's swresample with its default filter, on the mono signal in float32, flushed at the end: n
   samples at rate r become n * sample_rate / r of them. A file whose rate changes on the way is joined seamlessly.

Parts: `sources` (paths, bytes and file objects as one binary file), `container` (FFmpeg's view of that file),
`signal` (down-mix and resampling), `bounds` (what is refused), `health` (what was lost on the way), `reader`
(`AudioReader`, `load`, `probe`).
"""

from zhanr.audio.bounds import Bounds
from zhanr.audio.container import AudioInfo
from zhanr.audio.reader import MIN_SECONDS, Audio, AudioReader, load, probe
from zhanr.audio.sources import Source

__all__ = [
    "MIN_SECONDS",
    "Audio",
    "AudioInfo",
    "AudioReader",
    "Bounds",
    "Source",
    "load",
    "probe",
]
