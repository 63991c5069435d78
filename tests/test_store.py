"""The feature store: what goes in comes out, and nothing that is not one gets in."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zhanr.config import FeatureConfig
from zhanr.errors import DatasetError
from zhanr.lab.datasets import FeatureStore
from zhanr.lab.datasets.store import concat

FEATURES = FeatureConfig(n_mels=4, note="made by a test")


def store(n: int = 3, width: int = 5, prefix: str = "трек", **changes: Any) -> FeatureStore:
    values: dict[str, Any] = {
        "x": np.random.default_rng(n).integers(0, 256, (n, 4, width), np.uint8),
        "names": np.array([f"{prefix} {i}" for i in range(n)]),
        "labels": np.array([f"жанр {i % 2}" for i in range(n)]),
        "features": FEATURES,
    }
    return FeatureStore(**(values | changes))


def arrays(path: Path, **changes: Any) -> Path:
    """A file as another program might write it."""
    s = store()
    features = np.array(json.dumps(FEATURES.to_dict()))
    values = {"x": s.x, "names": s.names, "labels": s.labels, "features": features} | changes
    np.savez(path, **{key: value for key, value in values.items() if value is not None})
    return path


def test_round_trip_keeps_everything(tmp_path: Path) -> None:
    index = np.arange(15, dtype=np.int16).reshape(3, 5)
    artists = np.array(["Ѓорѓи", "", "B"])
    made = store(n_frames=np.array([5, 3, 1]), frame_index=index, artists=artists)
    made.save(tmp_path / "s.npz")
    read = FeatureStore.load(tmp_path / "s.npz")
    for key in ("x", "names", "labels", "n_frames", "frame_index", "artists"):
        np.testing.assert_array_equal(getattr(read, key), getattr(made, key))
    assert read.features == FEATURES
    assert read.features.note == FEATURES.note
    assert read.sha256() == made.sha256()
    assert read.artist_of == {"трек 0": "Ѓорѓи", "трек 2": "B"}
    assert read.path == tmp_path / "s.npz"


def test_by_default_no_frame_is_padding(tmp_path: Path) -> None:
    assert FeatureStore.load(arrays(tmp_path / "s.npz")).n_frames.tolist() == [5, 5, 5]


def test_pictures_are_scaled_and_without_padding() -> None:
    made = store(n_frames=np.array([5, 3, 1]))
    picture = made.picture(1)
    assert picture.dtype == np.float32
    np.testing.assert_array_equal(picture, made.x[1, :, :3].astype(np.float32) / np.float32(255))


def test_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    store().save(tmp_path / "a.npz")
    FeatureStore.load(tmp_path / "a.npz").save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"x": np.zeros((3, 4, 5), np.uint8)},
        {"names": np.array(["a", "b", "c"])},
        {"labels": np.array(["a", "b", "c"])},
        {"n_frames": np.array([5, 5, 4])},
        {"features": dataclasses.replace(FEATURES, fmax=8000.0)},
    ],
)
def test_the_hash_is_of_the_content(change: dict[str, Any]) -> None:
    assert store(**change).sha256() != store().sha256()
    assert store(features=dataclasses.replace(FEATURES, note="")).sha256() == store().sha256()


def test_the_hash_does_not_depend_on_the_compression(tmp_path: Path) -> None:
    assert FeatureStore.load(arrays(tmp_path / "raw.npz")).sha256() == store().sha256()


def test_saving_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.npz"
    store().save(path)
    before = path.read_bytes()

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", fail)
    with pytest.raises(DatasetError, match="the disk is full"):
        store(n=4).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["s.npz"]


def test_gtzan_stores_know_their_artists_without_naming_them() -> None:
    made = store(names=np.array(["blues.00000", "metal.00089", "mine"]), labels=np.array(["blues", "metal", "rock"]))
    assert made.artist_of == {"blues.00000": "John Lee Hooker"}
    assert store().artist_of == {}


def test_subset_by_mask_rows_and_names() -> None:
    made = store(n=4, n_frames=np.array([5, 4, 3, 2]), artists=np.array(["a", "b", "c", "d"]))
    by_mask = made.subset(np.array([False, True, False, True]))
    by_name = made.subset(["трек 3", "трек 1"])
    assert by_mask.names.tolist() == made.subset([1, 3]).names.tolist() == ["трек 1", "трек 3"]
    assert by_name.names.tolist() == ["трек 3", "трек 1"]
    assert by_name.n_frames.tolist() == [2, 4]
    assert by_name.artist_of == {"трек 3": "d", "трек 1": "b"}
    np.testing.assert_array_equal(by_name.x, made.x[[3, 1]])


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (["nobody"], "no track named nobody"),
        ([], "holds no tracks"),
        (np.array([True]), "mask"),
        ([0, 0], "more than once"),
    ],
)
def test_subsets_that_cannot_be(keep: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        store().subset(keep)


def test_concat_pads_the_shorter_pictures() -> None:
    joined = concat([store(2, 5, "a"), store(2, 3, "b", artists=np.array(["x", ""]))])
    assert joined.x.shape == (4, 4, 5)
    assert joined.n_frames.tolist() == [5, 5, 3, 3]
    assert not joined.x[2:, :, 3:].any()
    assert joined.artist_of == {"b 0": "x"}
    with pytest.raises(DatasetError, match="more than once"):
        concat([store(), store()])
    with pytest.raises(DatasetError, match="features differ"):
        concat([store(), store(prefix="b", features=dataclasses.replace(FEATURES, hop_length=512))])


def test_equal_pictures_have_equal_content_hashes() -> None:
    x = np.random.default_rng(0).integers(0, 256, (3, 4, 5), np.uint8)
    x[2] = x[0]
    contents = store(x=x).contents()
    assert contents["трек 0"] == contents["трек 2"] != contents["трек 1"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": None}, "it lacks x"),
        ({"features": None, "labels": None}, "it lacks labels, features"),
        ({"x": np.zeros((3, 4, 5), np.float32)}, "x must be uint8"),
        ({"x": np.zeros((3, 20), np.uint8)}, "x must be uint8"),
        ({"x": np.zeros((0, 4, 5), np.uint8)}, "holds no tracks"),
        ({"x": np.zeros((3, 7, 5), np.uint8)}, "7 bins.*say 4"),
        ({"names": np.array(["a", "b"])}, "names must be text"),
        ({"names": np.array([b"a", b"b", b"c"])}, "names must be text"),
        ({"names": np.array(["a", "b", "a"])}, "the name a is there more than once"),
        ({"names": np.array(["a", "b", ""])}, "no name or no genre"),
        ({"labels": np.array([1, 2, 3])}, "labels must be text"),
        ({"n_frames": np.array([5, 5, 6])}, "n_frames must be within 1..5"),
        ({"n_frames": np.array([5, 0, 5])}, "n_frames must be within 1..5"),
        ({"n_frames": np.array([5.0, 5.0, 5.0])}, "n_frames must be whole numbers"),
        ({"frame_index": np.zeros((3, 4), np.int16)}, "frame_index must be whole numbers"),
        ({"artists": np.array(["a"])}, "artists must be text"),
        ({"features": np.array("{")}, "feature settings can't be used"),
        ({"features": np.array(3)}, "not a JSON string"),
        ({"features": np.array('{"colour": 3}')}, "unknown setting colour"),
        ({"features": np.array('{"n_mels": 4, "scale": "none"}')}, "scale 'none' can't be kept"),
        ({"names": np.array(["a", {"b": 1}, "c"], dtype=object)}, "not a feature store, or it is damaged"),
    ],
)
def test_stores_that_are_wrong(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = arrays(tmp_path / "bad.npz", **change)
    with pytest.raises(DatasetError, match=message) as caught:
        FeatureStore.load(path)
    assert caught.value.path == str(path)


def test_files_that_are_no_stores(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    with pytest.raises(DatasetError, match="no such file"):
        FeatureStore.load(path)
    with pytest.raises(DatasetError, match="a folder, not a file"):
        FeatureStore.load(tmp_path)
    for content in (b"", b"text", b"PK\x03\x04 but no zip"):
        path.write_bytes(content)
        with pytest.raises(DatasetError, match="not a feature store"):
            FeatureStore.load(path)
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(DatasetError, match="single array"):
        FeatureStore.load(tmp_path / "array.npy")


def test_a_damaged_store_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    store(n=50).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match="damaged"):
        FeatureStore.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        for key in ("x", "names", "labels", "features"):
            archive.writestr(f"{key}.npy", b"\x93NUMPY\x01\x00 not an array")
    with pytest.raises(DatasetError, match="damaged"):
        FeatureStore.load(path)


def test_the_shared_stores(shared: Path) -> None:
    for part, n in (("train", 442), ("valid", 197)):
        read = FeatureStore.load(shared / "gtzan" / f"mel128_{part}.npz")
        assert len(read) == n
        assert len(read.genres) == 10
        assert read.picture(0).shape == (128, 387)
        assert len(set(read.contents().values())) == n
