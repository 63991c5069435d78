"""The model file: card and graph in one, whole or refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tiny import N_BINS, N_FRAMES, tiny_model
from zhanr.bundle import CARD_KEY, builtin_models, load_bundle, write_bundle
from zhanr.card import Card, OperatingPoint, StyleLabel
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
        ({"format_version": 99}, "reads version 2 and older"),
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


@pytest.mark.parametrize(("name", "genres"), [("default", 11), ("gtzan", 10), ("paper", 10)])
def test_the_models_in_the_box(name: str, genres: int) -> None:
    assert name in builtin_models()
    bundle = load_bundle(name)
    assert len(bundle.card.labels) == genres
    assert bundle.path.stat().st_size < 20e6
    assert bundle.card.scores
    assert bundle.card.training
    shape = (2, bundle.card.features.n_bins, bundle.card.windows.frames)
    outputs = bundle.run(np.random.default_rng(0).random(shape, dtype=np.float32))
    assert outputs.embedding.shape == (2, bundle.card.embedding_size)


def test_a_card_of_the_first_version_is_read(tmp_path: Path, graph: bytes, card: Card) -> None:
    path = tmp_path / "m.onnx"
    write_bundle(path, graph, card)
    old = {k: v for k, v in card.to_dict().items() if k not in ("styles", "precisions")} | {"format_version": 1}
    rewrite(path, old)
    found = load_bundle(path).card
    assert (found.styles, found.precisions) == ((), ())
    assert load_bundle(write_bundle(tmp_path / "new.onnx", graph, found).path).card == card


def test_styles_stand_in_the_card_and_in_the_graph(tmp_path: Path) -> None:
    labels = (StyleLabel("punk", 0.5, "rock"), StyleLabel("live", 0.9))
    bundle = load_bundle(tiny_model(tmp_path / "m.onnx", styles=labels, novelty=0.7))
    assert bundle.card.styles == labels
    outputs = bundle.run(np.full((3, N_BINS, N_FRAMES), 0.5, np.float32))
    assert outputs.styles is not None
    assert outputs.styles.shape == (3, 2)
    assert outputs.novelty is not None
    np.testing.assert_allclose(outputs.novelty, [0.5, 0.5, 0.5])
    for styles in ((), labels[:1]):
        with pytest.raises(ModelFileError, match=r"styles"):
            bundle.with_card(dataclasses.replace(bundle.card, styles=styles))
    plain = load_bundle(tiny_model(tmp_path / "plain.onnx"))
    with pytest.raises(ModelFileError, match="styles must be"):
        plain.with_card(dataclasses.replace(plain.card, styles=labels))
    with pytest.raises(ModelFileError, match="threshold of novelty"):
        plain.with_card(dataclasses.replace(plain.card, thresholds={"novelty": 1.0}))


def test_a_precision_is_a_row_of_the_table_or_the_next_above(card: Card) -> None:
    rows = (OperatingPoint(0.8, 0.4, 0.9, 0.81, 2.0), OperatingPoint(0.95, 0.9, 0.5, 0.96))
    promising = dataclasses.replace(card, precisions=rows)
    assert promising.at(0.8).thresholds == promising.at(0.1).thresholds == {"confidence": 0.4, "novelty": 2.0}
    assert promising.at(0.9).thresholds == promising.at(0.95).thresholds == {"confidence": 0.9}
    with pytest.raises(ConfigError, match=r"0\.99 is more than the model .* can promise \(it has 0\.8, 0\.95\)"):
        promising.at(0.99)
    with pytest.raises(ConfigError, match="no table of precisions"):
        card.at(0.9)
    with pytest.raises(ConfigError, match="must rise"):
        dataclasses.replace(card, precisions=rows[::-1])
