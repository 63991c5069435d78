"""Networks at equal numbers of parameters, and zhanr's own beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zhanr.bundle import STORE_MODEL, load_bundle
from zhanr.errors import ConfigError
from zhanr.lab.studies.material import Material
from zhanr.lab.studies.study import Case, Scores, Study, StudyTask
from zhanr.lab.studies.training import Training, configure

NETWORKS = {"paper": "paper's CNN", "fcn4": "FCN-4", "fcn5": "FCN-5", "crnn": "CRNN"}
PARAMETERS = (100_000, 250_000, 500_000, 1_000_000)
OWN = 500_000
"""Of compact, nearly its own widths."""

OPTIONS: dict[str, dict[str, Any]] = {"fcn4": {"dropout": 0.1}, "fcn5": {"dropout": 0.1}}
"""Other than the networks' own: CRNN's dropout for Choi's earlier ones as well. See `NETWORK` for what theirs does."""

OPTIMIZER: dict[str, Any] = {"name": "adamw", "lr": 1e-3, "weight_decay": 1e-2, "options": {}}
"""For all networks the same. Choi's used Adam."""


FRAMES = 32
"""5 s: half the base's windows, as some of these networks take ten times the time of the base's."""


def training(material: Material, network: str, parameters: int, options: Mapping[str, Any], seed: int) -> Training:
    """One network of about so many parameters, trained as all the others are."""
    config = configure(
        material,
        seed,
        model={"name": network, "options": {"parameters": parameters, **options}},
        windows={"frames": FRAMES, "hop": FRAMES},
        optimizer=OPTIMIZER,
        training={"precision": "bfloat16"},
    )
    return Training(config, material.train, material.valid)


@dataclass(frozen=True)
class Shipped:
    """What the card of a model that comes with zhanr says of its cross-validation: nothing is trained here."""

    model: str
    seed: int

    @property
    def identity(self) -> Mapping[str, Any]:
        """The model file and the seed of its folds."""
        return {"task": "card", "model": self.model, "sha256": load_bundle(self.model).sha256, "seed": self.seed}

    def run(self, at: Path) -> Scores:
        """Read the card, and count the numbers in the graph."""
        del at
        bundle = load_bundle(self.model)
        found = bundle.card.scores.get("out_of_fold", {}).get("accuracy_by_seed", [])
        if len(found) <= self.seed:
            raise ConfigError(f"the card of {self.model} has no accuracy out of fold with seed {self.seed}")
        songs = sum(part["songs"] for part in bundle.card.training["data"])
        return {"song_accuracy": found[self.seed], "n": songs, "parameters": numbers_in(bundle.path)}


def numbers_in(path: Path) -> int:
    """How many numbers a graph holds."""
    import onnx

    return sum(math.prod(tensor.dims) for tensor in onnx.load(path).graph.initializer)


def shipped(seed: int) -> StudyTask:
    """The card of the model `gtzan`."""
    return Shipped(STORE_MODEL, seed)


def cases(material: Material) -> list[Case]:
    """Every network at every size; quick: the smallest of each."""
    sizes = PARAMETERS[:1] if material.quick else PARAMETERS
    rows = [
        Case(f"{n / 1e6:g} M", partial(training, material, network, n, OPTIONS.get(network, {})), x=n, series=title)
        for network, title in NETWORKS.items()
        for n in sizes
    ]
    if not material.quick:
        for network, n, title in (("fcn4", 250_000, "FCN-4, dropout 0.5"), ("compact", OWN, "compact (zhanr's)")):
            rows.append(Case(f"{n / 1e6:g} M", partial(training, material, network, n, {}), x=n, series=title))
    own = numbers_in(load_bundle(STORE_MODEL).path)
    return [*rows, Case("as it ships", shipped, x=own, series="gtzan, pre-trained, other protocol")]


NETWORK = Study(
    name="network",
    title="Network and number of parameters",
    question="Which network is best at equal numbers of parameters, and is a recurrent one a little better than a "
    "convolutional one, as Choi et al. (2017) found for tags?",
    protocol="Fault-filtered split of GTZAN: trained on its training part (442 songs), scored on its validation part, "
    "which also chose the epoch, so that the scores are a little optimistic. All are trained alike: the same windows "
    "(5 s), optimiser, rate and number of steps. Nothing was tuned for any one of them but "
    "the dropout of the FCNs, see below.",
    cases=cases,
    columns=("parameters", "clip_accuracy", "train_clip_accuracy", "best_epoch"),
    xlabel="parameters",
    log_x=True,
    notes=(
        "**The model `gtzan` is here for orientation, and not by the same protocol**: its tower was distilled from a "
        "network that had heard 200,000 songs, and its figure is that of 5-fold cross-validation over the 639 songs of "
        "both parts, artists kept together, as its card says; it was not trained again. Of the 2.5 million numbers in "
        "its file, 2.1 million are the statistics of the 639 songs, which it holds twice.",
        "FCN-4 and FCN-5 have dropout 0.1 after each pooling, as CRNN has. With the 0.5 of their paper, which had "
        "25,000 clips and more to learn from, and not 442 songs, FCN-4 learns nothing in so few steps (see its row): "
        "behind a pooling, where all values are large and alike, half of them at zero is most of what the next batch "
        "normalisation sees while training, and it is gone when the songs are scored.",
        "The widths of each network are its paper's in proportion, and solved for the number of parameters. The time "
        "is that of one training on one core, in half precision.",
    ),
)
