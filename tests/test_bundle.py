"""The model file: card and graph in one, whole or refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zhanr.bundle import CARD_KEY, Card, builtin_models, load_bundle, write_bundle
from zhanr.config import FeatureConfig, WindowConfig
from zhanr.errors import ConfigError, ModelFileError
from zhanr.lab import networks as models
from zhanr.lab.networks.base import GenreModel
from zhanr.lab.training.export import to_onnx_bytes

WINDOWS = WindowConfig(frames=32, hop=16, segment_frames=64)
CARD = Card(
    name="tiny",
    labels=("a", "b", "в"),
    features=FeatureConfig(n_mels=24),
    windows=WINDOWS,
    embedding_size=1,
    licence="Apache-2.0",
    training={"seed": 0},
)


@pytest.fixture(scope="module")
def network() -> GenreModel:
    torch.manual_seed(0)
    return models.build("compact", n_bins=24, n_frames=32, n_genres=3).eval()


@pytest.fixture(scope="module")
def graph(network: GenreModel) -> bytes:
    return to_onnx_bytes(network, n_bins=24, n_frames=32)


@pytest.fixture(scope="module")
def card(network: GenreModel) -> Card:
    return dataclasses.replace(CARD, embedding_size=network.embedding_size)


def test_the_file_answers_as_torch_does(tmp_path: Path, network: GenreModel, graph: bytes, card: Card) -> None:
    write_bundle(tmp_path / "m.onnx", graph, card)
    bundle = load_bundle(tmp_path / "m.onnx")
    x = np.random.default_rng(0).random((5, 24, 32), dtype=np.float32)
    with torch.no_grad():
        logits, embedding = network(torch.from_numpy(x))
    outputs = bundle.run(x)
    np.testing.assert_allclose(outputs.logits, logits.numpy(), atol=1e-4)
    np.testing.assert_allclose(outputs.embedding, embedding.numpy(), atol=1e-4)
    assert outputs.prototypes is None
    assert bundle.card == card


def test_a_card_that_disagrees_with_its_graph_is_not_written(tmp_path: Path, graph: bytes, card: Card) -> None:
    for wrong in (
        {"labels": ("a", "b")},
        {"features": FeatureConfig(n_mels=25)},
        {"embedding_size": 7},
        {"windows": WindowConfig(frames=30, hop=16, segment_frames=64)},
    ):
        with pytest.raises(ModelFileError, match="its card says"):
            write_bundle(tmp_path / "m.onnx", graph, dataclasses.replace(card, **wrong))
    assert list(tmp_path.iterdir()) == []


def rewrite(path: Path, values: dict[str, Any]) -> None:
    """Change the card inside a model file, as another program might."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {CARD_KEY: json.dumps(values)} if values else {})
    onnx.save(model, path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "blue"}, "unknown setting colour"),
        ({"labels": None}, "Card.labels"),
        ({"labels": ["a", "a", "b"]}, "different genres"),
        ({"format_version": 99}, "reads version 1"),
        ({"temperature": 0}, "must be positive"),
        ({"thresholds": {"luck": 1.0}}, "unknown luck"),
        ({"features": {"hop": 3}}, "unknown setting hop"),
    ],
)
def test_a_card_with_a_wrong_field_is_refused_by_name(
    tmp_path: Path, graph: bytes, card: Card, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "m.onnx"
    write_bundle(path, graph, card)
    rewrite(path, {**card.to_dict(), **change})
    with pytest.raises(ModelFileError, match=message):
        load_bundle(path)


def test_a_card_without_a_needed_field_is_refused(tmp_path: Path, graph: bytes, card: Card) -> None:
    path = tmp_path / "m.onnx"
    write_bundle(path, graph, card)
    rewrite(path, {k: v for k, v in card.to_dict().items() if k != "labels"})
    with pytest.raises(ModelFileError, match="missing setting labels"):
        load_bundle(path)


def test_what_is_no_model_of_ours_is_refused(tmp_path: Path, graph: bytes) -> None:
    for name, content in {"empty": b"", "junk": b"junk" * 99, "cut": graph[: len(graph) // 2]}.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match=r"not a model file|no zhanr card"):
            load_bundle(path)
    (tmp_path / "foreign.onnx").write_bytes(graph)
    with pytest.raises(ModelFileError, match="no zhanr card"):
        load_bundle(tmp_path / "foreign.onnx")
    with pytest.raises(ModelFileError, match="no such model file"):
        load_bundle(tmp_path / "absent.onnx")
    with pytest.raises(ModelFileError, match="a folder, not a file"):
        load_bundle(tmp_path)


def test_card_and_dict_are_the_same(card: Card) -> None:
    assert Card.from_dict(json.loads(card.to_json())) == card
    with pytest.raises(ConfigError, match="embedding_size"):
        Card.from_dict({**card.to_dict(), "embedding_size": "large"})


@pytest.mark.parametrize("name", ["default", "paper"])
def test_the_models_in_the_box(name: str) -> None:
    assert name in builtin_models()
    bundle = load_bundle(name)
    assert len(bundle.card.labels) == 10
    assert bundle.path.stat().st_size < 20e6
    assert bundle.card.scores
    assert bundle.card.training
    shape = (2, bundle.card.features.n_bins, bundle.card.windows.frames)
    outputs = bundle.run(np.random.default_rng(0).random(shape, dtype=np.float32))
    assert outputs.embedding.shape == (2, bundle.card.embedding_size)
