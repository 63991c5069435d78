"""The networks: sizes, invariances, options, and that the exported graph says the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from zhanr.errors import ConfigError
from zhanr.lab.networks import MODELS, build
from zhanr.lab.networks.base import pool_sizes, pooled
from zhanr.lab.networks.paper import PaperCNN
from zhanr.lab.training.export import to_onnx_bytes

SMALL: dict[str, dict[str, Any]] = {
    "paper": {"channels": [2, 3, 4, 5], "dense": [8, 6]},
    "compact": {"channels": [4, 4, 6, 8], "embedding": 12},
    "fcn4": {"channels": [2, 3, 4, 5]},
    "fcn5": {"channels": [2, 3, 4, 5, 6]},
    "crnn": {"channels": [2, 3, 4, 5], "recurrent": 6},
}
SIZES = [(128, 128, 10), (128, 20, 2), (20, 128, 10), (20, 20, 3), (1025, 40, 10), (128, 387, 99), (1, 1, 2), (5, 3, 2)]


def small(name: str, n_bins: int = 128, n_frames: int = 64, n_genres: int = 4) -> Any:
    torch.manual_seed(0)
    return build(name, n_bins=n_bins, n_frames=n_frames, n_genres=n_genres, **SMALL[name]).eval()


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_size_works_and_learns(name: str, size: tuple[int, int, int]) -> None:
    n_bins, n_frames, n_genres = size
    model = small(name, *size).train()
    logits, embedding = model(torch.rand(3, n_bins, n_frames))
    assert logits.shape == (3, n_genres)
    assert embedding.shape == (3, model.embedding_size)
    logits.square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in model.parameters())


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_graph_says_what_torch_says_for_any_number_of_windows(name: str) -> None:
    model = small(name)
    session = onnxruntime.InferenceSession(to_onnx_bytes(model, 128, 64), providers=["CPUExecutionProvider"])
    for n in (1, 2, 7):
        x = torch.rand(n, 128, 64)
        with torch.inference_mode():
            expected = model(x)
        for got, want in zip(session.run(["logits", "embedding"], {"x": x.numpy()}), expected, strict=True):
            np.testing.assert_allclose(got, want.numpy(), atol=1e-4)


def test_exporting_leaves_the_network_as_it_was() -> None:
    model = small("compact").train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    to_onnx_bytes(model, 128, 64)
    assert model.training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_the_papers_network_has_the_papers_layers_in_their_order() -> None:
    model = build("paper", n_bins=128, n_frames=128, n_genres=10)
    assert isinstance(model, PaperCNN)
    group = [nn.Conv2d, nn.ReLU, nn.BatchNorm2d, nn.MaxPool2d]
    assert [type(layer) for layer in model.convolutions] == group * 4
    dense = [nn.Linear, nn.ReLU, nn.Dropout]
    assert [type(layer) for layer in model.dense] == [nn.Flatten, *dense, *dense]
    assert [layer.p for layer in model.dense if isinstance(layer, nn.Dropout)] == [0.5, 0.5]
    assert model.output.out_features == 10


def test_the_compact_network_is_below_a_million_parameters() -> None:
    model = build("compact", n_bins=128, n_frames=128, n_genres=10)
    assert sum(p.numel() for p in model.parameters()) < 1_000_000


def test_level_and_slope_of_a_picture_do_not_matter_to_the_compact_network() -> None:
    model, x = small("compact"), torch.rand(3, 128, 64)
    with torch.inference_mode():
        expected, changed = model(x)[0], model(0.6 * x + 0.2)[0]
        other = model(torch.linspace(0, 1, 64).expand(3, 128, 64))[0]
    torch.testing.assert_close(changed, expected, atol=1e-5, rtol=0)
    assert (other - expected).abs().max() > 2e-4  # and it isn't blind altogether


def test_a_window_without_any_contrast_gives_finite_answers() -> None:
    for name in MODELS:
        assert small(name)(torch.full((2, 128, 64), 0.5))[0].isfinite().all()


@pytest.mark.parametrize(("size", "groups"), [(128, 4), (20, 4), (1, 4), (3, 2), (1025, 4), (387, 5)])
def test_pooling_never_uses_an_axis_up(size: int, groups: int) -> None:
    sizes = pool_sizes(size, groups)
    assert len(sizes) == groups
    assert 1 <= pooled(size, sizes) <= 8


def test_pooling_halves_the_papers_windows() -> None:
    assert pool_sizes(128, 4) == (2, 2, 2, 2)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet", {}, "'resnet' is not known.*compact, crnn, fcn4, fcn5, paper"),
        ("paper", {"chanels": [1, 2, 3, 4]}, "model paper: unknown setting chanels"),
        ("paper", {"channels": [8, 8]}, "channels must be four"),
        ("paper", {"kernel": 4}, "kernel must be odd"),
        ("paper", {"dropout": 1.5}, "dropout must be in"),
        ("compact", {"embedding": "big"}, "model compact.embedding: expected int, got 'big'"),
        ("compact", {"channels": []}, "channels must be one or more"),
    ],
)
def test_a_bad_choice_is_named(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(name, n_bins=128, n_frames=64, n_genres=4, **options)


@pytest.mark.parametrize("size", [{"n_bins": 0}, {"n_frames": 0}, {"n_genres": 1}], ids=str)
def test_an_impossible_size_is_named(size: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(size))):
        build("paper", **({"n_bins": 128, "n_frames": 64, "n_genres": 4} | size))
