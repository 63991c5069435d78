"""Stage 4: cross-validate, calibrate and fit the radial-basis head; write weights and card.

Every score is out of fold: 5 folds over train + valid with artists kept together, three seeds. The weights are those of
a head fitted on all excerpts.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from research.backbone.head import LOGIT_SCALE, Problem, Settings
from research.backbone.network import Backbone
from research.backbone.score import score


def main() -> None:
    arguments = parse()
    data = dict(np.load(arguments.features, allow_pickle=False))
    problem = Problem(data, Settings(arguments.tower_share, arguments.gamma, arguments.ridge, arguments.cut))
    card = score(problem, seeds=range(arguments.seeds))
    print(json.dumps(card if arguments.out else card["oof"], indent=1))
    if arguments.out:
        save(problem, arguments.tower, card, arguments.out)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--tower", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="folder for weights.safetensors and card.json; none: only scores")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tower-share", type=float, default=Settings.tower_share)
    parser.add_argument("--gamma", type=float, default=Settings.gamma)
    parser.add_argument("--ridge", type=float, default=Settings.ridge)
    parser.add_argument("--cut", type=float, default=Settings.cut, help="share of values held, on either side")
    return parser.parse_args()


def save(problem: Problem, tower: Path, card: dict[str, Any], folder: Path) -> None:
    """The head fitted on all excerpts, with the tower, as one set of weights; and the card."""
    weights, bias = problem.fit(problem.everything)
    projection, _ = problem.whiten(problem.everything)
    backbone = Backbone(problem.n)
    backbone.tower.load_state_dict(load_file(tower))
    head = {
        "mean": problem.mean,
        "scale": problem.scale,
        "low": problem.low,
        "high": problem.high,
        "centres": problem.hold(problem.centres),
        "linear.weight": LOGIT_SCALE * weights.T,
        "linear.bias": LOGIT_SCALE * bias,
        "projection.weight": projection.T,
        "projection.bias": -problem.middle @ projection,
    }
    backbone.head.load_state_dict({key: torch.tensor(np.asarray(value, np.float32)) for key, value in head.items()})
    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in backbone.state_dict().items()}, folder / "weights.safetensors")
    (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
