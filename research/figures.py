"""Draw the figures of docs/figures.md from the demo songs, and make them small: `python research/figures.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"
DEMO = DOCS.parent / "demo"
FOLDER = DOCS / "figures"
WIDTH, COLOURS = 880, 112

FIGURES = {
    "waveform": ["waveform", str(DEMO / "classical.flac"), "--start", "10"],
    "stft": ["stft", str(DEMO / "disco.m4a"), "--duration", "10"],
    "mel": ["mel", str(DEMO / "disco.m4a"), "--duration", "10"],
    "mfcc": ["mfcc", str(DEMO / "disco.m4a"), "--duration", "10"],
    "mel-scale": ["mel-scale"],
    "gallery": ["gallery", str(DEMO / "genres.csv")],
    "network": ["network", "paper"],
    "timeline": ["timeline", str(DEMO / "pop.webm")],
}


def main() -> None:
    """Draw each with the command that its reader would type."""
    for name, arguments in FIGURES.items():
        target = FOLDER / f"{name}.png"
        subprocess.run([sys.executable, "-m", "zhanr", "plot", *arguments, "-o", str(target)], check=True)
        shrink(target)


def shrink(path: Path) -> None:
    """Fewer pixels and a palette: a tenth of the size."""
    with Image.open(path) as image:
        whole = image.convert("RGB")
    small = whole.resize((WIDTH, round(whole.height * WIDTH / whole.width)), Image.Resampling.LANCZOS)
    small.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
