"""Hand-made features of sounds whose answer is known, tables of them, and classifiers that must not know the artist."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
from numpy.typing import NDArray

from command import lines, zhanr
from test_cli import DEMO, SONGS
from zhanr.config import FeatureConfig
from zhanr.errors import ConfigError, DatasetError
from zhanr.features import stft
from zhanr.lab import handmade
from zhanr.lab.datasets.store import FeatureStore
from zhanr.lab.datasets.table import Table
from zhanr.lab.handmade import pitch, rhythm, timbre
from zhanr.lab.studies import combination, runner, training
from zhanr.lab.studies import handmade as study
from zhanr.lab.studies.material import Material
from zhanr.lab.studies.report import summarise
from zhanr.lab.studies.runner import key_of, run_study
from zhanr.lab.studies.training import Training
from zhanr.lab.training.classical import CLASSIFIERS, fit, predict_unseen, targets

SR = handmade.SAMPLE_RATE
Sound = NDArray[np.float32]


def noise(seconds: float = 4.0, seed: int = 0) -> Sound:
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * SR)).astype(np.float32)


def clicks(bpm: float, seconds: float = 6.0) -> Sound:
    """Short bursts of noise at a steady tempo."""
    y = np.zeros(int(seconds * SR), np.float32)
    burst = noise(0.01) * np.linspace(1, 0, int(0.01 * SR), dtype=np.float32)
    for start in np.arange(0.1, seconds - 0.1, 60 / bpm):
        y[int(start * SR) : int(start * SR) + len(burst)] += burst
    return y


def tones(*hertz: float, seconds: float = 2.0) -> Sound:
    """A chord of tones with four harmonics each."""
    t = np.arange(int(seconds * SR)) / SR
    return sum(0.2 / k * np.sin(2 * np.pi * f * k * t) for f in hertz for k in range(1, 5)).astype(np.float32)  # type: ignore[union-attr]


def features(y: Sound) -> dict[str, float]:
    return dict(zip(handmade.COLUMNS, handmade.extract(y).tolist(), strict=True))


def test_there_are_thirty_numbers_as_in_the_paper() -> None:
    assert {name: len(columns) for name, columns in handmade.GROUPS.items()} == {"timbre": 19, "rhythm": 6, "pitch": 5}
    assert len(set(handmade.COLUMNS)) == 30 == len(handmade.extract(noise()))


def test_what_librosa_also_has_agrees_with_it() -> None:
    y = (noise() * np.linspace(0.1, 1, 4 * SR) + tones(300, 2000, seconds=4)).astype(np.float32)
    n = timbre.WINDOW
    magnitude = np.abs(stft(y, n_fft=n, hop_length=n, center=False)).astype(np.float64)
    same: dict[str, Any] = {"S": magnitude, "sr": SR, "n_fft": n}
    np.testing.assert_allclose(timbre.centroid(magnitude, SR), librosa.feature.spectral_centroid(**same)[0], rtol=1e-5)
    np.testing.assert_allclose(timbre.roll_off(magnitude, SR), librosa.feature.spectral_rolloff(**same)[0], rtol=1e-9)
    crossings = librosa.feature.zero_crossing_rate(y, frame_length=n, hop_length=n, center=False)[0]
    np.testing.assert_allclose(timbre.zero_crossings(y), crossings, rtol=1e-9)
    coefficients = librosa.feature.mfcc(y=y, sr=SR, n_mfcc=6, n_fft=n, hop_length=n, n_mels=40, center=False)
    np.testing.assert_allclose(timbre.mfcc(magnitude, SR), coefficients[1:], atol=2e-3)


def test_white_noise_is_flat_and_a_tone_is_not() -> None:
    of_noise, of_tone = features(noise()), features(tones(440))
    assert of_noise["centroid_mean"] == pytest.approx(SR / 4, rel=0.02)
    assert of_noise["roll_off_mean"] == pytest.approx(0.85 * SR / 2, rel=0.02)
    assert of_noise["zero_crossings_mean"] == pytest.approx(0.5, abs=0.01)
    assert of_tone["centroid_mean"] < 1500
    assert of_tone["flux_mean"] < 0.01 < 0.3 < of_noise["flux_mean"]
    assert of_tone["pitch_strength"] > 5 * of_noise["pitch_strength"]
    classes = pitch.fold(pitch.note_histogram(noise(20), SR))
    assert classes.max() < 2 * classes.mean()


@pytest.mark.parametrize("factor", [0.01, 5.0])
def test_louder_music_is_the_same_music(factor: float) -> None:
    y = clicks(100) + tones(220, 330, seconds=6) + noise(6, seed=1) * 0.1
    np.testing.assert_allclose(handmade.extract(y * np.float32(factor)), handmade.extract(y), rtol=1e-3, atol=1e-3)


def test_the_statistics_are_those_of_windows_of_a_second() -> None:
    values = np.arange(100.0)
    mean, variance = timbre.texture(np.stack([values, np.zeros(100)]))
    windows = [values[i : i + 43] for i in range(58)]
    assert mean.tolist() == [np.mean([w.mean() for w in windows]), 0]
    assert variance[0] == pytest.approx(np.mean([w.var() for w in windows]))
    half_silent = noise()
    half_silent[np.arange(len(half_silent)) % (SR // 2) < SR // 3] = 0
    assert timbre.low_energy(half_silent) == pytest.approx(2 / 3, abs=0.05)


@pytest.mark.parametrize("bpm", [72, 120, 150])
@pytest.mark.parametrize("seconds", [3.0, 8.0])
def test_clicks_show_their_tempo(bpm: int, seconds: float) -> None:
    found = dict(zip(rhythm.RHYTHM, rhythm.describe(clicks(bpm, seconds), SR).tolist(), strict=True))
    assert found["beat_bpm1"] == pytest.approx(bpm, abs=1.5)
    assert found["beat_amplitude1"] > 0.8
    assert found["beat_strength"] > 2 * rhythm.describe(noise(seconds), SR)[-1]


def test_two_tempi_are_two_peaks() -> None:
    y = np.concatenate([clicks(90, 12), clicks(140, 6)])
    at = rhythm.describe(y, SR)
    assert at[3:5] == pytest.approx([90, 140], abs=2)
    assert 0 < at[1] < at[0] < 1
    assert at[2] == pytest.approx(at[1] / at[0])


@pytest.mark.parametrize(("hertz", "note"), [(110.0, 45), (220.0, 57), (440.0, 69), (261.63, 60), (739.99, 78)])
def test_a_tone_is_its_note(hertz: float, note: int) -> None:
    histogram = pitch.note_histogram(tones(hertz), SR)
    assert histogram.argmax() == note
    strength = pitch.fold(histogram)
    assert strength.argmax() == note * 7 % 12


@pytest.mark.parametrize(("root", "place"), [(220.0, 3), (261.63, 0), (164.81, 4)])
def test_a_major_chord_has_its_root_as_its_pitch_class(root: float, place: int) -> None:
    found = dict(zip(pitch.PITCH, pitch.describe(tones(root, root * 5 / 4, root * 3 / 2), SR).tolist(), strict=True))
    assert found["pitch_class"] == place


def test_a_fifth_is_one_step_of_the_circle() -> None:
    y = np.concatenate([tones(220, seconds=2), tones(329.63, seconds=1)])  # A, then E
    assert pitch.describe(y, SR)[2:4].tolist() == [3, 1]
    assert pitch.describe(np.concatenate([y, y[-2 * SR :]]), SR)[2:4].tolist() in ([3, 1], [4, -1])


@pytest.mark.parametrize("y", [np.zeros(SR), noise(0.1), np.r_[np.zeros(SR), noise(0.5)], np.full(SR, 0.5)])
def test_odd_sounds_give_finite_numbers(y: Sound) -> None:
    assert np.isfinite(handmade.extract(y)).all()


def test_what_is_no_waveform_is_refused() -> None:
    for wrong in (np.zeros(100), np.zeros((2, SR))):
        with pytest.raises(ValueError, match="mono waveform"):
            handmade.extract(wrong)


def invented(n_artists: int = 10, songs: int = 4, *, genre: float = 0.0, size: int = 6, seed: int = 0) -> Table:
    """Two genres of some artists each; songs of an artist are alike, and those of a genre as much as `genre` says."""
    random = np.random.default_rng(seed)
    rows, names, labels, artists = [], [], [], {}
    for number, label in enumerate(("jazz", "rock")):
        for i in range(n_artists):
            centre = random.normal(size=size) + genre * number
            for j in range(songs):
                rows.append(centre + random.normal(0, 0.05, size))
                names.append(f"{label}{i}-{j}")
                labels.append(label)
                artists[names[-1]] = f"{label} artist {i}"
    return Table(np.array(rows), tuple("abcdefghijklmnopqrstuvwxyz"[:size]), tuple(names), tuple(labels), artists)


def test_a_table_reads_back_as_it_was_written(tmp_path: Path) -> None:
    table = invented()
    table.save(tmp_path / "table.csv")
    again = Table.load(tmp_path / "table.csv")
    assert (again.names, again.labels, again.columns, again.artists) == (
        table.names, table.labels, table.columns, table.artists,
    )  # fmt: skip
    assert again.sha256() == table.sha256() != replace(table, x=table.x + 1e-9).sha256()
    assert table.select("ba").x.tolist() == table.x[:, [1, 0]].tolist()
    assert table.subset(table.names[3:1:-1]).labels == ("jazz", "jazz")
    assert table.select("ab").beside(table.select("f")).columns == ("a", "b", "f")


def test_the_usual_table_of_gtzan_is_read_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "features.csv"
    path.write_text("filename,length,tempo,label,mfcc\nblues.00000.wav,661794,123.0,blues,-1e-3\n", encoding="utf-8")
    table = Table.load(path)
    assert (table.names, table.labels, table.columns) == (("blues.00000",), ("blues",), ("tempo", "mfcc"))
    assert table.x.tolist() == [[123.0, -0.001]]
    assert set(table.artists) == {"blues.00000"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,x\n", "lacks the column filename, label"),
        ("filename,x,label\na,1\n", "line 2 has 2 values"),
        ("filename,x,label\na,one,jazz\n", "line 2: 'one' is not a number"),
        ("filename,x,label\na,nan,jazz\n", "x of a is not a finite number"),
        ("filename,x,label\na,1,jazz\na,2,jazz\n", "more than once: a"),
        ("", "lacks the column"),
    ],
)
def test_a_table_that_is_wrong_says_where(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=reason):
        Table.load(path)


@pytest.mark.parametrize("name", [name for name in CLASSIFIERS if name != "guess"])
def test_every_classifier_learns(name: str) -> None:
    fitted = fit(name, invented(genre=3))
    test = invented(genre=3, seed=1)
    log_p = fitted.log_probabilities(test)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1)
    assert (log_p.argmax(axis=1) == targets(test, fitted.labels)).mean() > 0.9
    assert fitted.out_of_fold.shape == (80, 2)


@pytest.mark.parametrize("name", ["knn", "logistic"])
def test_what_knows_artists_only_fails_where_artists_are_apart(name: str) -> None:
    table = invented(size=26)
    assert predict_unseen(name, table, "random").right.mean() > 0.8
    assert predict_unseen(name, table, "artists").right.mean() < 0.7
    # the settings are chosen in the same way: unseen songs are of unseen artists
    assert (fit(name, table).out_of_fold.argmax(axis=1) == targets(table, table.genres)).mean() < 0.7


def test_classifiers_refuse_what_they_do_not_know() -> None:
    table = invented()
    with pytest.raises(ConfigError, match="tarot"):
        fit("tarot", table)
    with pytest.raises(ConfigError, match="by star sign"):
        predict_unseen("knn", table, "by star sign")
    with pytest.raises(DatasetError, match="polka"):
        targets(replace(table, labels=("polka",) * len(table)), table.genres)


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo songs and a broken file, as a table."""
    folder = tmp_path_factory.mktemp("handmade")
    for song in SONGS[:3]:
        (folder / song.stem).mkdir()
        shutil.copy(song, folder / song.stem)
    (folder / SONGS[0].stem / "broken.mp3").write_text("these are words", encoding="utf-8")
    table = folder / "table.csv"
    done = zhanr("lab", "handmade", "extract", folder, "-o", table, "--seconds", "3")
    assert "left out" in done.stderr
    assert "broken.mp3" in done.stderr
    return table


def test_one_bad_file_never_stops_an_extraction(extracted: Path) -> None:
    with extracted.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [song.stem for song in SONGS[:3]]
    assert tuple(rows[0])[1:-1] == handmade.COLUMNS
    assert len({row["centroid_mean"] for row in rows}) == 3


def test_evaluate_says_how_good_a_table_is(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    invented(genre=3).save(table)
    found = lines(zhanr("lab", "handmade", "evaluate", table, "--classifier", "knn", "--classifier", "guess", "--json"))
    assert [row["classifier"] for row in found] == ["knn", "guess"]
    assert found[0]["n"] == 80
    assert found[0]["ci95"][0] < found[0]["accuracy"] <= found[0]["ci95"][1]
    assert found[0]["accuracy"] > 0.9 > found[1]["accuracy"]
    said = zhanr("lab", "handmade", "evaluate", table, "--classifier", "knn", "--split", "random").stdout
    assert "95 % interval" in said
    assert "songs of one artist are on both sides" in said
    assert "no column" in zhanr("lab", "handmade", "evaluate", table, "--group", "rhythm", code=1).stderr
    zhanr("lab", "handmade", "evaluate", table, "--group", "smell", code=2)


TINY: dict[str, dict[str, Any]] = {
    **training.BASE,
    "windows": {"frames": 8, "hop": 8, "segment_frames": 24},
    "model": {"name": "paper", "options": {"channels": [2, 2, 2, 2], "dense": [4, 4]}},
    "training": {"epochs": 1, "batch_size": 8, "crops": 1, "threads": 1, "device": "cpu"},
}


def store(names: tuple[str, ...], labels: tuple[str, ...], artists: dict[str, str], seed: int) -> FeatureStore:
    x = np.random.default_rng(seed).integers(0, 255, (len(names), 16, 48)).astype(np.uint8)
    return FeatureStore(
        x, np.array(names), np.array(labels), FeatureConfig(n_mels=16), artists=np.array([artists[n] for n in names])
    )


@pytest.fixture
def material(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Material:
    """Pictures of pure noise beside features that know the genre."""
    table = invented(n_artists=8, genre=3)
    table.save(tmp_path / study.LIBROSA)
    valid = tuple(name for name in table.names if table.artists[name].endswith(("6", "7")))
    train = tuple(name for name in table.names if name not in valid)
    for part, names in (("train", train), ("valid", valid)):
        labels = table.subset(names).labels
        store(names, labels, table.artists, len(names)).save(tmp_path / f"mel128_{part}.npz")
    monkeypatch.setattr(training, "BASE", TINY)
    return Material(tmp_path)


def test_the_combination_trusts_what_knows_more_and_trains_nothing_twice(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Training] = []
    perform = runner.perform

    def noted(key: str, task: Training, folder: Path) -> Any:
        trained.append(task)
        return perform(key, task, folder)

    monkeypatch.setattr("zhanr.lab.studies.combination.perform", noted)
    one = replace(combination.COMBINATION, seeds=(0,))
    first = run_study(one, material, folder=tmp_path / "runs")
    by_case = {s.case.name: s.runs[0].scores for s in summarise(first)}
    assert by_case["57 hand-made features alone"]["song_accuracy"] > 0.9
    average = by_case["both: weighted mean of log-probabilities"]
    assert average["weight"] < 0.5
    assert average["song_accuracy"] > by_case["the network alone"]["song_accuracy"]
    assert average["gained"] > average["lost"]
    text = combination.compare([(run.case, run.scores) for run in first], tmp_path)
    assert "points, 95 % interval" in text[1]
    # the networks that answer for training songs never saw their artists, and that of the validation part is shared
    assert len(trained) == combination.FOLDS + 1
    for task in trained:
        assert not set(task.train.artist_of.values()) & set(task.valid.artist_of.values())
    scored = [name for task in trained for name in task.valid.names.tolist()]
    base = Training(training.configure(material, 0), material.train, material.valid)
    assert key_of(base) in {key_of(task) for task in trained}
    assert sorted(scored) == sorted(material.both.names.tolist())
    run_study(replace(one, name="again"), material, folder=tmp_path / "runs")
    (tmp_path / "runs" / f"{first[0].result.key}.json").unlink()
    run_study(one, material, folder=tmp_path / "runs")
    assert len(trained) == combination.FOLDS + 1


def test_the_weight_is_that_of_the_likeliest_mixture() -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 3, 200)
    sure = np.log(np.where(np.eye(3)[y] == 1, 0.8, 0.1))
    useless = np.log(random.dirichlet((1, 1, 1), 200))
    assert combination.best_weight(sure, useless, y) >= 0.8
    assert combination.best_weight(useless, sure, y) <= 0.2
    np.testing.assert_allclose(np.exp(combination.mix(sure, useless, 0.3)).sum(axis=1), 1)
    mean, low, high = combination.paired_gain(30, 10, 200)
    assert (mean, low > 0, high < 0.2) == (0.1, True, True)
    assert combination.paired_gain(11, 10, 200)[1] < 0


def test_the_study_of_features_keeps_what_it_extracted(material: Material, tmp_path: Path) -> None:
    songs = DEMO / "genres.csv"
    there = replace(material, audio_path=songs, quick=True)
    table = study.audio_table(there, 2.0, tmp_path)
    (kept,) = tmp_path.glob("handmade-*.csv")
    kept.write_text(kept.read_text(encoding="utf-8").replace("jazz", "swing"), encoding="utf-8")
    assert len(table) == 10
    assert "swing" in study.audio_table(there, 2.0, tmp_path).genres
    assert "swing" not in study.audio_table(there, 2.5, tmp_path).genres


def test_a_single_run_of_the_study(tmp_path: Path) -> None:
    task = study.Classical(invented(genre=3), "knn", "artists", 0)
    assert json.loads(json.dumps(task.identity))["features"] == 6
    assert key_of(task) != key_of(replace(task, table=invented(genre=3, seed=1)))
    scores = task.run(tmp_path / "run")
    assert scores["n"] == 80
    assert scores["song_accuracy"] > 0.9
    with np.load(tmp_path / "run.npz") as stored:
        assert stored["right"].mean() == scores["song_accuracy"]
