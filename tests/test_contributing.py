"""The examples of CONTRIBUTING.md, as they stand there: one entry each, and everything else works with it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from test_layers import LAYERS
from zhanr import features
from zhanr.bundle import load_bundle
from zhanr.config import KINDS, FeatureConfig
from zhanr.lab.datasets.store import FeatureStore
from zhanr.lab.networks import MODELS, build
from zhanr.lab.networks.budget import count_parameters
from zhanr.lab.training.config import TrainConfig
from zhanr.lab.training.optim import OPTIMISERS
from zhanr.lab.training.run import train

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"
REGISTRIES: tuple[dict[str, Any], ...] = (KINDS, features.PICTURES, MODELS, OPTIMISERS)


@pytest.fixture(scope="module", autouse=True)
def examples() -> Iterator[list[str]]:
    """Run every example of the page, and forget its entries afterwards."""
    found = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    before = [dict(registry) for registry in REGISTRIES]
    torch.set_num_threads(1)
    for number, example in enumerate(found):
        module = sys.modules[f"example{number}"] = ModuleType(f"example{number}")
        exec(compile(example, str(PAGE), "exec", dont_inherit=True), vars(module))
    yield found
    for registry, entries in zip(REGISTRIES, before, strict=True):
        registry.clear()
        registry.update(entries)


def test_the_floors_are_those_that_the_tests_hold() -> None:
    page = PAGE.read_text(encoding="utf-8").partition("A module imports only from the floors")[2]
    (block,) = re.findall(r"\n\n((?:    [a-z ]+\n)+)\n", page.partition("An outside library")[0])
    floors = [set(line.split()) for line in block.splitlines()]
    assert floors == [{n for n in names if "." not in n} for names in LAYERS if names != {"lab.cli"}]


def stranger(question: str, files: list[Path]) -> Path:
    """The file that a list of files suggests: whose name, and whose folders, the question has the most words of."""
    words = set(re.findall(r"[a-z0-9]+", question.lower()))
    words |= {f"{word}s" for word in words}

    def rank(file: Path) -> tuple[int, bool, int]:
        *folders, name = file.with_suffix("").parts
        return 2 * (name in words) + len(words & set(folders)), name == "__init__", -len(file.parts)

    best = max(map(rank, files))
    found = [file for file in files if rank(file) == best]
    assert len(found) == 1, f"{question} {found}"
    return found[0]


def test_a_stranger_finds_what_he_asks_for() -> None:
    source = PAGE.parent / "src" / "zhanr"
    files = [path.relative_to(source) for path in source.rglob("*.py") if path.stem != "__main__"]
    rows = re.findall(
        r"^\| (Where [^|]+) \| `([^`]+)` \| `([^`]+)` \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) >= 10
    for question, file, name in rows:
        assert stranger(question, files) == Path(file), question
        defined = rf"^\s*(def|class) {name}\b|^{name}(:[^=]*)? ="
        assert re.search(defined, (source / file).read_text(encoding="utf-8"), re.MULTILINE), f"{file} lacks {name}"


def test_there_is_one_of_each(examples: list[str]) -> None:
    assert len(examples) == 3
    assert {"chroma"} <= set(KINDS) & set(features.PICTURES)
    assert "frames" in MODELS
    assert "sign" in OPTIMISERS


def tone(hz: float, seconds: float = 2.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(22050 * seconds)) / 22050).astype(np.float32)


def test_the_representation_hears_the_pitch_class() -> None:
    config = FeatureConfig(kind="chroma", n_fft=8192, win_length=8192)
    for hz, row in ((440.0, 9), (880.0, 9), (261.63, 0)):
        picture = features.extract(tone(hz), config)
        assert picture.shape[0] == config.n_bins == 12
        assert (picture[:, 1:-1].argmax(axis=0) == row).all()
    assert FeatureConfig.from_dict(config.to_dict()) == config


def store(names: str, config: FeatureConfig) -> FeatureStore:
    """Songs of two genres, low and high notes, as chroma."""
    notes = {"low": (261.63, 293.66), "high": (440.0, 493.88)}
    labels = [("low", "high")[i % 2] for i in range(len(names))]
    generator = np.random.default_rng(ord(names[0]))
    pictures = [
        features.extract(tone(notes[genre][i % 4 // 2]) + generator.normal(0, 0.3, 44100).astype(np.float32), config)
        for i, genre in enumerate(labels)
    ]
    x = np.stack([features.quantise(picture) for picture in pictures])
    return FeatureStore(x, np.array(list(names)), np.array(labels), config, np.full(len(x), x.shape[2]))


def test_all_three_train_together_and_give_a_model_file_that_serves(tmp_path: Path) -> None:
    config = FeatureConfig(kind="chroma", hop_length=2048)
    stores = (store("abcdefgh", config), store("ijkl", config))
    settings = TrainConfig.from_dict(
        {
            "data": {"train": "-", "valid": "-"},
            "windows": {"frames": 16, "hop": 8, "segment_frames": 20},
            "model": {"name": "frames", "options": {"parameters": 5000}},
            "optimizer": {"name": "sign", "lr": 1e-2, "weight_decay": 0.01, "options": {"shrink": 0.5}},
            "training": {"epochs": 30, "batch_size": 4, "device": "cpu", "threads": 1},
        }
    )
    result = train(settings, output=tmp_path / "run", stores=stores)
    assert result.best.valid_song_accuracy == 1
    bundle = load_bundle(result.model)
    assert bundle.card.features.kind == "chroma"
    assert bundle.run(stores[1].picture(0)[None, :, :16]).logits.argmax() == bundle.card.labels.index("low")


def test_the_network_can_be_had_at_any_size() -> None:
    for parameters in (10_000, 100_000):
        model = build("frames", n_bins=12, n_frames=40, n_genres=10, parameters=parameters)
        assert count_parameters(model) == pytest.approx(parameters, rel=0.03)
