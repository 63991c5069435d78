"""Choi's networks as their papers have them, widths for a number of parameters, and the exported graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from zhanr.bundle import load_bundle
from zhanr.errors import ConfigError
from zhanr.lab.networks import MODELS, build
from zhanr.lab.networks.base import pooled, pools_like, pools_until
from zhanr.lab.networks.budget import SizedOptions, count_parameters, width_for
from zhanr.lab.networks.crnn import CRNN, POOLS, STEPS
from zhanr.lab.networks.fcn import FCN, FCN4Options, FCN5Options
from zhanr.lab.studies.material import Material
from zhanr.lab.studies.network import NETWORK, Shipped
from zhanr.lab.training.export import to_onnx_bytes

CHOI = ("fcn4", "fcn5", "crnn")
PAPERS_OWN = {"n_bins": 96, "n_frames": 1366, "n_genres": 50}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def on_paper(name: str, **options: Any) -> Any:
    """Shapes without numbers: the papers' pictures are large."""
    with torch.device("meta"):
        return build(name, **PAPERS_OWN, **options).eval()


def layers(model: nn.Module, kind: type[nn.Module], attribute: str) -> list[Any]:
    return [getattr(layer, attribute) for layer in model.modules() if isinstance(layer, kind)]


@pytest.mark.parametrize(
    ("name", "widths", "pools"),
    [
        ("fcn4", [128, 384, 768, 2048], [(2, 4), (4, 5), (3, 8), (4, 8)]),
        ("fcn5", [128, 256, 512, 1024, 2048], [(2, 4), (2, 4), (2, 4), (3, 5), (4, 4)]),
    ],
)
def test_the_fcns_are_those_of_the_paper(name: str, widths: list[int], pools: list[tuple[int, int]]) -> None:
    model = on_paper(name)
    assert isinstance(model, FCN)
    group = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.Dropout]
    assert [type(layer) for layer in model.convolutions] == [*(group * len(pools))[:-1], nn.Flatten]
    assert layers(model, nn.Conv2d, "out_channels") == widths
    assert layers(model, nn.Conv2d, "kernel_size") == [(3, 3)] * len(pools)
    assert layers(model, nn.MaxPool2d, "kernel_size") == pools
    assert layers(model, nn.Dropout, "p") == [0.5] * len(pools)
    assert [layer for layer in model.modules() if isinstance(layer, nn.Linear)] == [model.output]


def test_the_crnn_is_that_of_the_paper() -> None:
    with torch.device("meta"):
        model = build("crnn", n_bins=96, n_frames=1440, n_genres=50).eval()
        steps = model.get_submodule("convolutions")(torch.rand(1, 1, 96, 1440))
    assert isinstance(model, CRNN)
    group = [nn.Conv2d, nn.BatchNorm2d, nn.ELU, nn.MaxPool2d, nn.Dropout]
    assert [type(layer) for layer in model.convolutions] == group * 4
    assert layers(model, nn.MaxPool2d, "kernel_size") == [(2, 2), (3, 3), (4, 4), (4, 4)]
    assert steps.shape[2:] == (1, 15)
    assert (model.recurrent.num_layers, model.recurrent.bidirectional) == (2, False)
    assert count_parameters(model) == pytest.approx(500_000, rel=0.02)


def test_the_crnn_hears_the_order_of_the_frames() -> None:
    torch.manual_seed(0)
    model = build("crnn", n_bins=32, n_frames=32, n_genres=3, parameters=10_000).eval()
    x = torch.rand(2, 32, 32)
    with torch.inference_mode():
        assert (model(x)[0] - model(x.flip(2))[0]).abs().max() > 1e-4


@pytest.mark.parametrize("size", [1, 2, 5, 20, 64, 96, 128, 387, 1025])
def test_pools_are_kept_in_proportion_and_leave_one_cell(size: int) -> None:
    for paper in ((2, 4, 3, 4), (4, 5, 8, 8), (4, 4, 4, 5, 4)):
        pools = pools_like(paper, size)
        assert len(pools) == len(paper)
        assert pooled(size, pools) == 1


def test_pools_on_the_papers_axes_are_the_papers() -> None:
    assert pools_like((2, 4, 3, 4), 96) == (2, 4, 3, 4)
    assert pools_like((4, 5, 8, 8), 1280) == (4, 5, 8, 8)
    assert pools_until(POOLS, 1440, STEPS) == POOLS


@pytest.mark.parametrize(("size", "left"), [(1, 1), (14, 14), (20, 20), (64, 16), (128, 21), (387, 16), (1440, 15)])
def test_enough_steps_remain_for_the_recurrent_layers(size: int, left: int) -> None:
    assert pooled(size, pools_until(POOLS, size, STEPS)) == left


# ---- a number of parameters


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("parameters", [100_000, 250_000, 500_000, 1_000_000])
@pytest.mark.parametrize("size", [(64, 64), (128, 128)], ids=str)
def test_a_network_has_the_parameters_that_were_asked_for(name: str, parameters: int, size: tuple[int, int]) -> None:
    model = build(name, n_bins=size[0], n_frames=size[1], n_genres=10, parameters=parameters)
    assert count_parameters(model) == pytest.approx(parameters, rel=0.03)


def test_a_width_that_was_solved_for_is_the_same_network_as_one_that_was_written() -> None:
    torch.manual_seed(3)
    solved = build("fcn4", n_bins=20, n_frames=20, n_genres=4, parameters=20_000)
    widths = layers(solved, nn.Conv2d, "out_channels")
    torch.manual_seed(3)
    written = build("fcn4", n_bins=20, n_frames=20, n_genres=4, channels=widths)
    one, other = solved.state_dict(), written.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_widths_stay_in_proportion() -> None:
    options = FCN5Options().scaled(0.1)
    assert options.channels == (13, 26, 51, 102, 205)
    assert options.dropout == 0.5
    assert FCN4Options(channels=(2, 4, 8, 16)).scaled(0.01).channels == (2, 4, 4, 4)


def test_the_nearest_width_is_found() -> None:
    assert round(100 * width_for(1000, lambda factor: round(100 * factor) * 10)) == 100
    assert width_for(1, lambda factor: int(1000 * factor)) == pytest.approx(1 / 64)


def test_every_network_with_widths_names_fields_that_it_has() -> None:
    for entry in MODELS.values():
        if issubclass(entry.options, SizedOptions):
            assert set(entry.options.WIDTHS) <= set(entry.options().to_dict())


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fcn4", {"channels": [8, 8]}, "model fcn4: channels must be 4 positive"),
        ("fcn5", {"channels": [8, 8, 8, 8]}, "model fcn5: channels must be 5 positive"),
        ("fcn5", {"dropout": 1.0}, "model fcn5: dropout"),
        ("crnn", {"channels": [8, 8]}, "model crnn: channels must be 4 positive"),
        ("crnn", {"recurrent": 0}, "recurrent must be positive"),
        ("crnn", {"last_dropout": -1}, "last_dropout must be in"),
        ("crnn", {"parameters": 10}, r"10 parameters can't be had; the nearest are \d+"),
        ("paper", {"parameters": -5}, "parameters must not be negative"),
    ],
)
def test_a_bad_choice_is_named(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(name, n_bins=64, n_frames=64, n_genres=4, **options)


# ---- the exported graph


@pytest.mark.parametrize("name", CHOI)
@pytest.mark.parametrize("n_frames", [33, 64, 128])
def test_the_graph_says_what_torch_says_for_windows_of_any_length(name: str, n_frames: int) -> None:
    torch.manual_seed(0)
    model = build(name, n_bins=64, n_frames=n_frames, n_genres=4, parameters=30_000).eval()
    session = onnxruntime.InferenceSession(to_onnx_bytes(model, 64, n_frames), providers=["CPUExecutionProvider"])
    for n in (1, 2, 7):
        x = torch.rand(n, 64, n_frames)
        with torch.inference_mode():
            expected = model(x)
        for got, want in zip(session.run(["logits", "embedding"], {"x": x.numpy()}), expected, strict=True):
            np.testing.assert_allclose(got, want.numpy(), atol=2e-5)


def test_the_graph_says_what_torch_says_across_the_spread_of_real_weights() -> None:
    """Statistics of batch normalisation that are not those of a fresh network."""
    torch.manual_seed(0)
    model = build("crnn", n_bins=64, n_frames=64, n_genres=4, parameters=30_000).train()
    for _ in range(3):
        model(torch.rand(8, 64, 64) ** 2)
    session = onnxruntime.InferenceSession(to_onnx_bytes(model, 64, 64), providers=["CPUExecutionProvider"])
    x = torch.rand(3, 64, 64)
    with torch.inference_mode():
        expected = model.eval()(x)[0]
    np.testing.assert_allclose(session.run(["logits"], {"x": x.numpy()})[0], expected.numpy(), atol=2e-5)


# ---- the study


def test_the_study_compares_networks_of_equal_size(tmp_path: Path) -> None:
    cases = NETWORK.cases(Material(tmp_path))
    sizes = {(case.series, case.x) for case in cases}
    assert len(sizes) == len(cases)
    for series in ("paper's CNN", "FCN-4", "FCN-5", "CRNN"):
        assert {x for name, x in sizes if name == series} == {1e5, 2.5e5, 5e5, 1e6}


def test_the_shipped_model_is_shown_with_what_its_card_says(tmp_path: Path) -> None:
    found = [Shipped("gtzan", seed).run(tmp_path) for seed in (0, 1, 2)]
    by_seed = load_bundle("gtzan").card.scores["out_of_fold"]["accuracy_by_seed"]
    assert [scores["song_accuracy"] for scores in found] == by_seed
    assert all(scores["n"] == 639 for scores in found)
    (case,) = (case for case in NETWORK.cases(Material(tmp_path)) if "gtzan" in case.series)
    assert case.x == found[0]["parameters"]
    with pytest.raises(ConfigError, match="card of gtzan has no accuracy out of fold with seed 7"):
        Shipped("gtzan", 7).run(tmp_path)
