"""Stage 7: encoder and heads become the model file that zhanr serves.

    python -m research.encoder.export --encoder run/encoder.safetensors --head head.npz --embeddings embeddings.npz \\
        --out default.onnx S/gtzan/mel128_train.npz S/gtzan/mel128_valid.npz

The recordings must still lie where stage 1 found them: the card names the labelled ones by hash.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn

import zhanr
from research.encoder import embed
from research.encoder.embed import SOUND, STORE, WINDOW
from research.encoder.logistic import EXTREME, Linear
from research.encoder.music import LABELLED, Piece
from research.encoder.network import Student, to_onnx
from research.encoder.picture import PICTURE
from research.encoder.songs import LABELS
from zhanr.bundle import write_bundle
from zhanr.calibration import thresholds
from zhanr.card import Card, OperatingPoint, StyleLabel
from zhanr.config import WindowConfig
from zhanr.lab.datasets.store import FeatureStore

Array = NDArray[Any]
DESCRIPTION = "seven taggers distilled into one small network that hears every 20 ms; eleven genres and styles"
LICENCE = (
    "Apache-2.0, distilled from weights under MIT and ISC; fitted on GTZAN and Emotify, whose recordings are for "
    "research use, and on CC BY music"
)
WINDOWS = WindowConfig(frames=WINDOW, hop=WINDOW, segment_frames=3 * WINDOW, shortest=embed.NARROWEST)
OUTPUTS = ("logits", "embedding", "styles", "novelty")
PARENTS = (
    {
        "name": "mn04_as",
        "source": "EfficientAT",
        "licence": "MIT",
        "authors": "Florian Schmid, Khaled Koutini, Gerhard Widmer",
    },
    {
        "name": "FCN-5, CRNN and musicnn on MSD and MTG-Jamendo",
        "source": "sota-music-tagging-models",
        "licence": "MIT",
        "authors": "Minz Won et al.",
    },
    {
        "name": "MSD_musicnn",
        "source": "PyPI musicnn 0.1.0",
        "licence": "ISC",
        "authors": "Jordi Pons & Xavier Serra, MTG-UPF",
    },
)
PROTOCOLS = {
    "out_of_fold": "5 folds, artists together; right/n by collection and genre",
    "styles": "average precision against the teachers' merged tags: [5 folds by recording over all pieces, on which "
    "the encoder was distilled; pieces with the tag; on pieces held out of the distillation; pieces with the tag]",
}


class Layer(nn.Module):
    """A `Linear` as a module; `held` keeps its numbers within six deviations as its fit did."""

    def __init__(self, linear: Linear, *, held: bool = True) -> None:
        super().__init__()
        self.held = held
        self.mean, self.deviation, self.weight, self.bias = (
            nn.Parameter(torch.tensor(np.asarray(values), dtype=torch.float32), requires_grad=False)
            for values in linear
        )

    def forward(self, x: Tensor) -> Tensor:
        """x (n, d) to (n, k)."""
        z = (x - self.mean) / self.deviation
        return (z.clamp(-EXTREME, EXTREME) if self.held else z) @ self.weight + self.bias


class Model(nn.Module):
    """Windows x (n, 103, frames) of values 0..1 to the four outputs."""

    def __init__(self, student: Student, layers: dict[str, Linear], columns: list[int]) -> None:
        super().__init__()
        self.encoder = student.encoder
        self.said = nn.Linear(student.encoder.size, len(columns))
        with torch.no_grad():
            self.said.weight.copy_(student.out.weight[columns])
            self.said.bias.copy_(student.out.bias[columns])
        self.tags, self.genres, self.gate = (Layer(layers[name]) for name in ("tags", "embedding", "gate"))
        self.styles, self.projection = (Layer(layers[name], held=False) for name in ("styles", "projection"))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits of genres (n, 11), embedding (n, 128), logits of styles (n, k), novelty (n,)."""
        z = self.encoder(x)
        known = self.gate(z)
        logits = (self.tags(self.said(z)) + self.genres(z)) / 2
        return logits, self.projection(z), self.styles(z), known[:, 1] - known[:, 0]


def main() -> None:
    arguments = parse()
    torch.set_num_threads(1)
    with np.load(arguments.head) as head:
        report = json.loads(str(head["report"]))
        model = Model(Student.load(arguments.encoder), layers_of(head), head["columns"].tolist())
    with safe_open(arguments.encoder, "pt") as file:
        steps = int((file.metadata() or {})["steps"])
    pieces = embed.read(arguments.embeddings).pieces
    card = make_card(report, training(pieces, [FeatureStore.load(path) for path in arguments.stores], steps), model)
    bundle = write_bundle(arguments.out, to_onnx(model, OUTPUTS), card)
    print(f"{bundle.path}  {bundle.sha256}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", nargs="+", type=Path, help="the feature stores of stage 5")
    parser.add_argument("--encoder", type=Path, required=True, help="the encoder of stages 5 and 6")
    parser.add_argument("--head", type=Path, required=True, help="what stage 6 wrote")
    parser.add_argument("--embeddings", type=Path, required=True, help="what stage 5 wrote")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx to write")
    return parser.parse_args()


def layers_of(head: Any) -> dict[str, Linear]:
    """The layers in a file of stage 6."""
    names = ("tags", "embedding", "gate", "styles", "projection")
    return {name: Linear(*(head[f"{name}.{key}"] for key in Linear._fields)) for name in names}


def make_card(report: dict[str, Any], trained: dict[str, Any], model: Model) -> Card:
    """What the model file says of itself, from the report of stage 6."""
    points = tuple(OperatingPoint.from_dict(point) for point in report["points"])
    measured = ("accuracy", "n", "by_genre", "stopped")
    return Card(
        name="default",
        labels=LABELS,
        features=PICTURE,
        windows=WINDOWS,
        embedding_size=model.projection.weight.shape[1],
        licence=LICENCE,
        aggregation="mean_log_probability",
        temperature=round(report["temperature"], 4),
        thresholds=thresholds(points),
        precisions=points,
        styles=tuple(StyleLabel.from_dict(label) for label in report["styles"]["labels"]),
        description=DESCRIPTION,
        training=trained,
        scores={
            "out_of_fold": {"protocol": PROTOCOLS["out_of_fold"], **{key: report[key] for key in measured}},
            "leave_one_collection_out": report["left_out"],
            "styles": {"protocol": PROTOCOLS["styles"], "average_precision": report["styles"]["precision"]},
        },
        parents=PARENTS,
    )


def training(pieces: list[Piece], stores: list[FeatureStore], steps: int) -> dict[str, Any]:
    """What the network was made from: labelled recordings and stores by hash, games' music by package."""
    played = [piece for piece in pieces if piece.collection not in (STORE, SOUND)]
    return {
        "data": [
            *({"name": name, **hashed([p for p in played if p.collection == name])} for name in LABELLED),
            *(
                {"store": store.path.name if store.path else "", "songs": len(store), "sha256": store.sha256()}
                for store in stores
            ),
            {
                "name": "unlabelled music of games in Debian, distillation only",
                "packages": sorted({piece.collection for piece in played} - set(LABELLED)),
            },
            {"name": "noises, and sounds of the same games", "sounds": sum(p.collection == SOUND for p in pieces)},
        ],
        "split": "all labelled recordings; the scores are out of fold, artists together",
        "distillation": {"pieces": len(played), "held_out": sum(piece.held_out for piece in played), "steps": steps},
        "seed": 0,
        "recipe": "research/encoder",
        "versions": {module.__name__: str(module.__version__) for module in (zhanr, torch, np)},
    }


def hashed(pieces: list[Piece]) -> dict[str, Any]:
    """How many recordings, and one hash over their names and contents in order of names."""
    digest, files = hashlib.sha256(), {piece.name: piece.path for piece in pieces}
    for name in sorted(files):
        digest.update(name.encode())
        digest.update(Path(files[name]).read_bytes())
    return {"recordings": len(files), "sha256": digest.hexdigest()}


if __name__ == "__main__":
    main()
