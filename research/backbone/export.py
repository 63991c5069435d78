"""Stage 5: weights and card become the model file that zhanr serves.

The stores must be those of stage 3, in the same order; the file names them by name and hash.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy
import scipy
import sklearn
import torch
from safetensors.torch import load_file

import zhanr
from research.backbone.network import Backbone
from zhanr.bundle import Bundle, write_bundle
from zhanr.card import Card
from zhanr.config import FeatureConfig, WindowConfig
from zhanr.errors import ConfigError
from zhanr.lab.datasets.store import FeatureStore
from zhanr.lab.training.export import to_onnx_bytes

LICENCE = "Apache-2.0, from weights under ISC; trained on GTZAN, whose recordings are for research use"
DESCRIPTION = "musicnn distilled to the stores' pictures, with a radial-basis head; knows what it does not know"
SHORTEST = 26  # frames, 2 s: the shortest crops of the distillation
WINDOWS = {"segment_frames": 387, "shortest": SHORTEST}
PARENTS = (
    {
        "name": "MSD_musicnn",
        "source": "PyPI musicnn 0.1.0",
        "licence": "ISC",
        "authors": "Jordi Pons & Xavier Serra, MTG-UPF",
    },
)


def main() -> None:
    arguments = parse()
    card = json.loads(arguments.card.read_text(encoding="utf-8"))
    stores = [FeatureStore.load(path) for path in arguments.stores]
    bundle = export(arguments.out, load_backbone(arguments.weights, card), make_card(card, stores))
    print(f"{bundle.path}  {bundle.sha256}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", nargs="+", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--card", type=Path, required=True, help="card.json of stage 4")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx to write")
    return parser.parse_args()


def load_backbone(weights: Path, card: dict[str, Any]) -> Backbone:
    """The network with its weights, and with the genres' means from the card."""
    backbone = Backbone(card["n_centres"])
    backbone.load_state_dict(load_file(weights))
    backbone.head.prototypes.copy_(torch.tensor(card["gate"]["class_means"]))
    return backbone.eval()


def export(path: Path, backbone: Backbone, card: Card) -> Bundle:
    """Write the model file: windows of any width, and the prototypes as an output of their own."""
    constants = {"prototypes": backbone.head.prototypes.numpy()}
    graph = to_onnx_bytes(backbone, card.features.n_bins, card.windows.frames, any_width=True, constants=constants)
    return write_bundle(path, graph, card)


def make_card(card: dict[str, Any], stores: list[FeatureStore]) -> Card:
    """What the model file says of itself, from stage 4's card. The gate's score is minus the novelty."""
    # The published stores are scaled by their own minimum, one pixel; audio is served with the fixed floor that the
    # distillation used too. See FeatureConfig.
    features = FeatureConfig(scale="top_db")
    if any(dataclasses.replace(store.features, scale="top_db") != features for store in stores):
        raise ConfigError("a store's features are not those that the network reads")
    if (songs := sum(map(len, stores))) != card["n_centres"]:
        raise ConfigError(f"the stores hold {songs} excerpts, and the head was fitted on {card['n_centres']}")
    return Card(
        name="backbone",
        labels=tuple(card["labels"]),
        features=features,
        windows=WindowConfig(frames=card["window_frames"], hop=card["hop_frames"], **WINDOWS),
        embedding_size=card["embedding_size"],
        licence=LICENCE,
        aggregation="mean_log_probability",
        temperature=card["temperature"],
        thresholds={"confidence": card["threshold_95"], "novelty": -card["gate"]["threshold"]},
        description=DESCRIPTION,
        training=training(card, stores),
        scores={"out_of_fold": card["oof"], "other_recordings": card["other_recordings"]},
        parents=PARENTS,
    )


def training(card: dict[str, Any], stores: list[FeatureStore]) -> dict[str, Any]:
    """What the network was made from, and how."""
    return {
        "data": [
            {"store": store.path.name if store.path else "", "songs": len(store), "sha256": store.sha256()}
            for store in stores
        ],
        "split": f"all {card['n_centres']} of train+valid; the scores are out of fold",
        "seed": 0,  # of the augmented copies; those of the folds are named with the scores
        "recipe": "research/backbone",
        "head": card["head"],
        "versions": {module.__name__: str(module.__version__) for module in (zhanr, torch, numpy, scipy, sklearn)},
    }


if __name__ == "__main__":
    main()
