"""How genres look: each measure on a picture of which the answer is known, and the study's table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from zhanr.config import FeatureConfig

appearance = pytest.importorskip("zhanr.lab.studies.appearance")

CONFIG = FeatureConfig(n_mels=64, hop_length=2205)  # a frame each 0.1 s
QUIET = np.full((64, 200), -70.0)
RNG = np.random.default_rng(0)
NOISE = -40 + 3 * RNG.standard_normal((64, 200))


def lines() -> np.ndarray:
    """Three tones that hold for 20 frames (2 s) each time."""
    picture = QUIET.copy()
    for start in range(0, 200, 25):
        picture[[10, 30, 50], start : start + 20] = -10.0
    return picture


def beats(period: int) -> np.ndarray:
    """All bands rise at once, each `period` frames."""
    picture = QUIET.copy()
    picture[:, ::period] = -10.0
    return picture + 0.1 * RNG.standard_normal(picture.shape)


def test_the_level_above_4_khz_sees_the_high_bands_only() -> None:
    low, high = QUIET.copy(), QUIET.copy()
    low[:20], high[-8:] = -10.0, -10.0
    assert appearance.high_level(low, CONFIG) == pytest.approx(-70.0)
    assert appearance.high_level(high, CONFIG) > -60.0


def test_flatness_is_zero_for_an_even_spectrum_and_low_for_a_tone() -> None:
    assert appearance.flatness(QUIET, CONFIG) == pytest.approx(0.0)
    tone = QUIET.copy()
    tone[5] = -10.0
    # the mean of 63 bands at -70 and one at -10 is about -69.06 dB; of their powers, -10 - 10 log10(64) = -28.06 dB
    assert appearance.flatness(tone, CONFIG) == pytest.approx(-69.06 + 28.06, abs=0.01)


def test_lines_are_measured_in_seconds() -> None:
    assert appearance.line_seconds(lines(), CONFIG) == pytest.approx(2.0)
    assert appearance.line_seconds(QUIET, CONFIG) == 0.0
    assert appearance.line_seconds(NOISE, CONFIG) < 0.3


def test_horizontal_and_vertical_lines_are_told_apart() -> None:
    assert appearance.horizontal(lines(), CONFIG) > 0.8
    assert appearance.horizontal(beats(5), CONFIG) < 0.1
    assert appearance.horizontal(QUIET, CONFIG) == 0.5
    assert appearance.together(beats(5), CONFIG) > 0.95
    assert appearance.together(NOISE, CONFIG) < 0.1
    assert appearance.together(QUIET, CONFIG) == 0.0


def test_the_pulse_of_equal_distances_is_clear() -> None:
    assert appearance.pulse(beats(5), CONFIG) > 0.95
    random = QUIET.copy()
    random[:, RNG.random(200) < 0.2] = -10.0
    assert appearance.pulse(random, CONFIG) < 0.5
    assert appearance.pulse(QUIET, CONFIG) == 0.0
    assert appearance.pulse(QUIET[:, :3], CONFIG) == 0.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stores of three genres that look as the paper says, under the names that the studies read."""
    from zhanr.lab.datasets.store import FeatureStore

    made = tmp_path_factory.mktemp("gtzan")
    kinds = {"classical": lines(), "disco": beats(5), "metal": np.full((64, 200), -20.0)}
    for part in ("train", "valid"):
        pictures = [kinds[g] + RNG.standard_normal((64, 200)) for g in kinds for _ in range(4)]
        x = np.rint(255 * np.clip(1 + np.array(pictures) / 80, 0, 1)).astype(np.uint8)
        names = np.array([f"{part} {g} {i}" for g in kinds for i in range(4)])
        labels = np.array([g for g in kinds for _ in range(4)])
        FeatureStore(x=x, names=names, labels=labels, features=CONFIG).save(made / f"mel128_{part}.npz")
    return made


def test_the_page_says_which_statements_hold(folder: Path, tmp_path: Path) -> None:
    from zhanr.lab.studies import appearance_page
    from zhanr.lab.studies.material import Material

    paths = appearance_page.write(Material(folder), tmp_path)
    assert [path.name for path in paths] == ["appearance.md", "appearance.csv", "appearance.png"]
    with paths[1].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 * 3
    own = [row for row in rows if row["named"] == row["genre"]]
    assert [row["rank"] for row in own] == ["1"] * 6
    assert {row["n"] for row in rows} == {"8"}
    assert all(float(row["low"]) <= float(row["mean"]) <= float(row["high"]) for row in rows)
    page = paths[0].read_text(encoding="utf-8")
    assert page.count("| 1 of 3 |") == 6
    assert "| 100 % |" in page
    assert "`zhanr lab study appearance`" in page


def test_a_quick_page_is_marked_and_takes_less(folder: Path, tmp_path: Path) -> None:
    from zhanr.lab.studies import appearance_page
    from zhanr.lab.studies.material import Material

    text = appearance_page.write(Material(folder, quick=True), tmp_path)[0].read_text(encoding="utf-8")
    assert text.startswith("# How genres look (quick)")
    assert "`zhanr lab study appearance --quick`" in text
    assert "12 excerpts" in text


def test_the_same_store_gives_the_same_intervals(folder: Path) -> None:
    from zhanr.lab.datasets.store import FeatureStore

    store = FeatureStore.load(folder / "mel128_train.npz")
    assert appearance.measure(store, resamples=50) == appearance.measure(store, resamples=50)
