"""The default network and its recipe: what the file says is what torch says, and the arithmetic behind the weights."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from audio_files import FORMATS, encode, music
from research.backbone import export, grid, musicnn
from research.backbone.distill import copy_block
from research.backbone.head import Problem, Settings
from research.backbone.network import EMBEDDING_SIZE, Backbone, Filters
from research.backbone.tf_checkpoint import CheckpointError, read_checkpoint
from zhanr import features, windows
from zhanr import segments as frontend
from zhanr.bundle import Bundle, load_bundle
from zhanr.classifier import Classifier
from zhanr.config import FeatureConfig, WindowConfig
from zhanr.errors import ConfigError
from zhanr.lab.datasets.gtzan import GENRES
from zhanr.lab.datasets.store import FeatureStore

N_CENTRES = 6
CARD: dict[str, Any] = {
    "labels": list(GENRES),
    "n_centres": N_CENTRES,
    "embedding_size": EMBEDDING_SIZE,
    "window_frames": 129,
    "hop_frames": 64,
    "temperature": 0.9,
    "threshold_95": 0.875,
    "gate": {"threshold": -3.25, "class_means": np.random.default_rng(0).normal(size=(10, 40)).round(4).tolist()},
    "head": {"gamma": 0.35},
    "oof": {"protocol": "none", "accuracy": 0.5},
    "other_recordings": {"windows": 0},
}


def store(n: int, name: str) -> FeatureStore:
    x = np.random.default_rng(n).integers(0, 256, (n, 128, 30), dtype=np.uint8)
    names = np.array([f"{name}{i}" for i in range(n)])
    return FeatureStore(x, names, np.full(n, "jazz"), FeatureConfig(), path=Path(f"elsewhere/{name}.npz"))


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    """Random weights, through the file that stage 4 writes."""
    torch.manual_seed(0)
    network = Backbone(N_CENTRES)
    torch.nn.init.normal_(network.head.centres, std=0.01)
    network.head.scale.fill_(0.02)
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
    return export.load_backbone(path, CARD)


@pytest.fixture(scope="module")
def bundle(backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("model") / "backbone.onnx"
    export.export(path, backbone, export.make_card(CARD, [store(4, "train"), store(2, "valid")]))
    return load_bundle(path)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("width", [26, 60, 129, 387])
def test_the_file_answers_as_torch_does_for_any_width(backbone: Backbone, bundle: Bundle, n: int, width: int) -> None:
    x = np.random.default_rng(width).random((n, 128, width), dtype=np.float32)
    with torch.inference_mode():
        logits, embedding = backbone(torch.from_numpy(x))
    outputs = bundle.run(x)
    assert outputs.logits.std() > 1e-3
    np.testing.assert_allclose(outputs.logits, logits.numpy(), atol=1e-4)
    np.testing.assert_allclose(outputs.embedding, embedding.numpy(), atol=1e-4)
    assert outputs.prototypes is not None
    np.testing.assert_allclose(outputs.prototypes, CARD["gate"]["class_means"], atol=1e-6)


def test_the_card_says_where_the_network_comes_from(bundle: Bundle) -> None:
    card = bundle.card
    assert card.thresholds == {"confidence": 0.875, "novelty": 3.25}
    assert card.windows == WindowConfig(frames=129, hop=64, segment_frames=387, shortest=26)
    assert [(d["store"], d["songs"], d["sha256"]) for d in card.training["data"]] == [
        (f"{name}.npz", n, store(n, name).sha256()) for n, name in ((4, "train"), (2, "valid"))
    ]
    assert card.parents[0]["licence"] == "ISC"


def test_stores_that_the_head_was_not_fitted_on_are_refused() -> None:
    with pytest.raises(ConfigError, match="hold 4 excerpts"):
        export.make_card(CARD, [store(4, "train")])
    names = np.array(list("abcdef"))
    other = FeatureStore(np.zeros((6, 64, 9), np.uint8), names, names, FeatureConfig(n_mels=64))
    with pytest.raises(ConfigError, match="features"):
        export.make_card(CARD, [other])


def test_two_seconds_are_one_narrow_window(tmp_path: Path, backbone: Backbone, bundle: Bundle) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(encode(music(2.0), FORMATS["wav-s16"]))
    answer = Classifier(bundle).predict(path)
    picture = frontend.excerpt(path, bundle.card.features, bundle.card.windows)
    assert picture.shape[1] < bundle.card.windows.shortest
    x = features.dequantise(windows.cut(picture, bundle.card.windows))
    assert x.shape == (1, 128, 26)
    with torch.inference_mode():
        _, embedding = backbone(torch.from_numpy(x))
    np.testing.assert_allclose(answer.embedding, embedding[0].numpy(), atol=1e-4)
    assert len(answer.timeline) == 1
    assert sum(answer.probabilities.values()) == pytest.approx(1)


def test_a_resampled_kernel_is_the_adjoint_of_interpolation() -> None:
    rng = np.random.default_rng(0)
    kernel, picture, step, centre = rng.normal(size=(2, 5, 15)), rng.random((5, 40)), 0.2064, 7
    ours = grid.resample_kernel(kernel, centre, step)
    reach, at = ours.shape[2] // 2, 20
    moments = at + (np.arange(15) - centre) * step
    interpolated = np.stack([np.interp(moments, np.arange(40), row) for row in picture])
    expected = (kernel * interpolated).sum(axis=(1, 2))
    np.testing.assert_allclose((ours * picture[:, at - reach : at + reach + 1]).sum(axis=(1, 2)), expected, rtol=1e-5)


@pytest.mark.parametrize(("frames", "step"), [(3, 0.2064), (15, 0.2064), (29, 0.2064)])
def test_resampled_kernels_fit_the_tower(frames: int, step: float) -> None:
    rng = np.random.default_rng(frames)
    numbers = (rng.normal(size=shape).astype(np.float32) for shape in ((2, 5, frames), 2, 2, 2))
    theirs = musicnn.Block(*numbers)
    kernel = grid.resample_kernel(theirs.kernel.detach().numpy(), theirs.centre, step)
    ours = Filters(2, 5, kernel.shape[2], 5)
    with torch.no_grad():
        copy_block(ours, theirs, step)
        flat = torch.rand(1, 5, 1).expand(1, 5, 40)  # what does not change in time looks the same on both grids
        np.testing.assert_allclose(ours(flat)[0, :, 20], theirs(flat)[0, :, 20], rtol=1e-4, atol=1e-5)


def test_mel_axes_are_read_off_ours() -> None:
    weights = grid.mel_interpolation(musicnn.N_MELS, 8000.0)
    mels = grid.mel_centres(grid.N_MELS, grid.STORE.fmax)
    theirs = grid.mel_centres(musicnn.N_MELS, 8000.0)
    inside = theirs > mels[0]
    np.testing.assert_allclose((weights @ mels)[inside], theirs[inside], rtol=1e-6)


def test_the_stores_picture_is_the_one_that_is_served() -> None:
    wave = music(3.0, rate=22050)[:, 0]
    wave[30000:] = 0  # a bin 80 dB below the loudest: the two scales are one
    mine = grid.to_store(grid.power_mel(wave)).astype(int)
    assert np.abs(mine - features.quantise(features.extract(wave, FeatureConfig()))).max() <= 1


def varint(value: int) -> bytes:
    more = b""
    while value >= 0x80:
        more += bytes([value & 0x7F | 0x80])
        value >>= 7
    return more + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def block(entries: Mapping[bytes, bytes]) -> bytes:
    """A LevelDB block, each key as what it does not share with the last."""
    out, last = b"", b""
    for key, value in entries.items():
        shared = next((i for i, (a, b) in enumerate(zip(last, key, strict=False)) if a != b), min(len(last), len(key)))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return out + struct.pack("<II", 0, 1)


def checkpoint(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> tuple[Path, Path]:
    """Write what TensorFlow would: sorted entries in one block, an index block, a footer."""
    data, entries = b"", {b"": number(1, 1)}
    for name, values in sorted(arrays.items()):
        shape = b"".join(message(2, number(1, size)) for size in values.shape)
        kind = {"float32": 1, "int64": 9}[values.dtype.name]
        place = number(4, len(data)) + number(5, values.nbytes)
        entries[name.encode()] = number(1, kind) + message(2, shape) + place + varint(6 << 3 | 5) + b"\0\0\0\0"
        data += values.tobytes()
    body, trailer = block(entries), b"\0" * 5
    handle = varint(0) + varint(len(body))
    index = block({b"~": handle})
    footer = varint(0) + varint(0) + varint(len(body) + 5) + varint(len(index))
    table = body + trailer + index + trailer + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    paths = folder / ".index", folder / ".data-00000-of-00001"
    for path, content in zip(paths, (table, data), strict=True):
        path.write_bytes(content)
    return paths


def test_a_checkpoint_is_read_without_tensorflow(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays: dict[str, NDArray[Any]] = {
        "conv2d/kernel": rng.normal(size=(3, 200, 1, 2)).astype(np.float32),
        "conv2d/bias": rng.normal(size=2).astype(np.float32),
        "step": np.array(1234567, np.int64),
    }
    read = read_checkpoint(*checkpoint(tmp_path, arrays))
    assert set(read) == set(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(read[name], values)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    index, data = checkpoint(tmp_path, {"x": np.zeros(3, np.float32)})
    whole = index.read_bytes()
    for broken in (b"", whole[:-1], b"junk" * 30):
        index.write_bytes(broken)
        with pytest.raises(CheckpointError):
            read_checkpoint(index, data)


def problem(n: int = 40, n_features: int = 1656) -> Problem:
    rng = np.random.default_rng(0)
    labels = np.array(GENRES)[np.arange(n) % len(GENRES)]
    centre = rng.normal(size=(len(GENRES), n_features))[np.arange(n) % len(GENRES)]
    several = {key: centre[:, None] + rng.normal(size=(n, 3, n_features)) for key in ("windows", "shifted", "filtered")}
    clips = {f"clip_{key}": centre[:5] for key in ("clean", "degraded")}
    return Problem(
        {
            "names": np.array([f"{label}.{i:05}" for i, label in enumerate(labels)]),
            "labels": labels,
            "whole": centre + rng.normal(size=centre.shape),
            "other": rng.normal(size=(4, n_features)),
            "clip_row": np.arange(5),
            "clip_frames": np.full(5, 30),
            **several,
            **clips,
        },
        Settings(),
    )


def test_the_head_learns_genres_that_lie_apart_and_its_space_is_white_within_them() -> None:
    task = problem()
    log_p = task.log_probabilities(task.windows.x, task.everything, task.fit(task.everything))
    assert (task.aggregate(task.windows, log_p).argmax(axis=1) == task.y).all()
    projection, means = task.whiten(task.everything)
    points = task.embed(task.centres, projection)
    np.testing.assert_allclose(means, [points[task.y == genre].mean(axis=0) for genre in range(10)], atol=1e-3)


def test_no_artist_is_in_two_folds() -> None:
    task = problem(200)
    fold = task.folds(0)
    assert len(set(task.artists)) < 190  # some have several excerpts
    assert all(len(set(fold[task.artists == artist])) == 1 for artist in task.artists)
