"""Build zhanr for the browser: a static folder without a server. `make site`, or `python -m research.site`.

Its pages are the application's own scripts and styles; a file of the folder `site` takes the place of the one with the
same name. The runtime is the package onnxruntime-web, as `npm ci --prefix site` installs it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import shutil
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from zhanr.app import pages
from zhanr.app.assets import STATIC, style_sheet
from zhanr.app.palette import NOT_SURE, colours
from zhanr.audio.reader import MIN_SECONDS
from zhanr.bundle import load_bundle
from zhanr.card import Card
from zhanr.classifier import GAP, MAX_STYLES
from zhanr.explain import bin_hertz
from zhanr.prediction import DOUBTFUL, NOVEL, SILENCE
from zhanr.tags.policy import Policy
from zhanr.waveform import waveform_model

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "site"
RUNTIME = SOURCE / "node_modules" / "onnxruntime-web" / "dist"
MAX_BYTES = 300_000_000  # of a file: what is decoded from more doesn't fit into a tab
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)


def build(target: Path, model: str | None = None) -> None:
    """Write the folder, in place of what was there."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    bundle = load_bundle(model)
    for name, path in _scripts(["app.js", "worker.js", "theme.js"]).items():
        shutil.copyfile(path, target / name)
    (target / "style.css").write_bytes(style_sheet())
    shutil.copyfile(STATIC / "icon.svg", target / "icon.svg")
    shutil.copytree(STATIC / "demo", target / "demo")
    for notice in ("LICENSE", "NOTICE"):
        shutil.copyfile(ROOT / notice, target / f"{notice}.txt")
    _pack(target / "model.packed", waveform_model(bundle.path.read_bytes(), bundle.card))
    _pack(target / "runtime.packed", (RUNTIME / "ort-wasm-simd-threaded.wasm").read_bytes())
    (target / "index.html").write_text(_document(bundle.card), "utf-8")
    (target / "manifest.webmanifest").write_text(json.dumps(MANIFEST, indent=2), "utf-8")
    _service_worker(target)


MANIFEST = {
    "name": "zhanr: what genre is it?",
    "short_name": "zhanr",
    "description": "Tells the genre of songs, in your browser alone",
    "start_url": "./",
    "display": "standalone",
    "icons": [{"src": "icon.svg", "sizes": "any", "type": "image/svg+xml"}],
}


def _scripts(entries: list[str]) -> dict[str, Path]:
    """All scripts that these need, by name."""
    found: dict[str, Path] = {}
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _script(name)
            if name != "runtime.js":
                waiting += re.findall(r'(?:from |import |import\()"\./([\w.]+)"', found[name].read_text("utf-8"))
    return found


def _script(name: str) -> Path:
    if name == "runtime.js":
        return RUNTIME / "ort.wasm.bundle.min.mjs"
    own = SOURCE / name
    return own if own.exists() else STATIC / name


def _pack(path: Path, data: bytes) -> None:
    path.write_bytes(gzip.compress(data, 9, mtime=0))


def _document(card: Card) -> str:
    """The application's document, with addresses that hold in any folder, and a policy of its own."""
    template = Template(pages.DOCUMENT.template.replace('"$assets/', '"').replace('href="/"', 'href="./"'))
    document = template.substitute(
        title="zhanr",
        content="<zhanr-listen></zhanr-listen>",
        links="",
        modules='<link rel="manifest" href="manifest.webmanifest">',
        settings=escape(json.dumps(settings(card), ensure_ascii=False), quote=True),
    )
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    return document.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n{policy}')


def settings(card: Card) -> dict[str, Any]:
    """What the scripts must know: the application's settings, and of the model what its server would know."""
    features, windows = card.features, card.windows
    return {
        "genres": card.labels,
        "colours": colours(card.labels),
        "not_sure": NOT_SURE,
        "hertz": None if features.kind == "mfcc" else [round(float(f), 1) for f in bin_hertz(features)],
        "threshold": Policy.threshold,
        "max_bytes": MAX_BYTES,
        "local": True,
        "server": False,
        "scan": "",
        "model": {
            "labels": card.labels,
            "thresholds": card.thresholds,
            "styles": [{"name": style.name, "threshold": style.threshold} for style in card.styles],
            "sample_rate": features.sample_rate,
            "hop_length": features.hop_length,
            "n_bins": features.n_bins,
            "frame_seconds": features.frame_seconds,
            "window_seconds": windows.frames * features.frame_seconds,
            "segment_seconds": windows.segment_frames * features.frame_seconds,
            "min_seconds": MIN_SECONDS,
            "gap": GAP,
            "max_styles": MAX_STYLES,
            "words": {"novel": NOVEL, "doubtful": DOUBTFUL, "silence": SILENCE},
        },
    }


def _service_worker(target: Path) -> None:
    """Name all files of the folder, and their hash as its version."""
    files = sorted(path for path in target.rglob("*") if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    names = [path.relative_to(target).as_posix().replace("index.html", "./") for path in files]
    text = Template((SOURCE / "sw.js").read_text("utf-8"))
    values = {"version": f"zhanr-{digest[:16]}", "files": json.dumps(names)}
    (target / "sw.js").write_text(text.safe_substitute(values), "utf-8")


def main() -> None:
    """Build, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a built-in model's name, or a .onnx file (default: the default model)")
    parser.add_argument("--output", type=Path, default=SOURCE / "dist")
    arguments = parser.parse_args()
    build(arguments.output, arguments.model)
    size = sum(path.stat().st_size for path in arguments.output.rglob("*") if path.is_file())
    print(f"{arguments.output}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
