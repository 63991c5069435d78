"""`zhanr lab plot`: every figure from the command line, of the demo songs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from audio_files import FORMATS, encode, music
from zhanr.audio import AudioReader
from zhanr.cli import app
from zhanr.config import FeatureConfig
from zhanr.errors import AudioError, ConfigError, DatasetError, FileError
from zhanr.lab.cli.plot import _first_sound
from zhanr.lab.datasets.store import FeatureStore
from zhanr.lab.evaluation import pieces
from zhanr.lab.plots.history import HISTORY

DEMO = Path(__file__).parents[1] / "demo"
JAZZ, METAL = DEMO / "jazz.wav", DEMO / "метал.mp3"


def plot(*arguments: str | Path) -> str:
    """Run `zhanr lab plot` and give what it prints; an error is raised."""
    result = CliRunner().invoke(app, ["lab", "plot", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def svg(*arguments: str | Path, to: Path) -> str:
    """The text of the figure that a command makes, as SVG."""
    target = to / "figure.svg"
    assert plot(*arguments, "-o", target) == str(target)
    return target.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small store of noise, five songs of two genres that the paper's model knows."""
    x = np.random.default_rng(0).integers(0, 256, (5, 128, 140), dtype=np.uint8)
    names, labels = np.array([f"song {i}" for i in range(5)]), np.array(["jazz", "rock", "jazz", "rock", "jazz"])
    path = tmp_path_factory.mktemp("store") / "store.npz"
    FeatureStore(x=x, names=names, labels=labels, features=FeatureConfig()).save(path)
    return path


def test_a_waveform_has_its_seconds_and_its_name(tmp_path: Path) -> None:
    text = svg("waveform", METAL, "--start", "3", to=tmp_path)
    for part in ("метал.mp3", "time (s)", "amplitude (full scale = 1)", ">3.00<", ">3.10<"):
        assert part in text


def test_a_waveform_begins_where_the_sound_does(tmp_path: Path) -> None:
    path, n, sound = tmp_path / "soft.wav", 3 * FORMATS["wav-s16"].rate, music(2, FORMATS["wav-s16"].rate)
    path.write_bytes(encode(np.concatenate([np.zeros((n, 2), np.float32), sound]), FORMATS["wav-s16"]))
    result = CliRunner().invoke(app, ["lab", "plot", "waveform", str(path), "-o", str(tmp_path / "f.svg")])
    assert result.exit_code == 0, result.output
    assert "silent from 0 to 3.0" in " ".join(result.output.split())
    assert ">3.02<" in (tmp_path / "f.svg").read_text(encoding="utf-8"), "the axis begins there"
    path.write_bytes(encode(np.zeros((n, 2), np.float32), FORMATS["wav-s16"]))
    with pytest.raises(AudioError, match="nothing but silence"):
        plot("waveform", path, "-o", tmp_path / "g.svg")


def test_of_a_song_that_begins_at_once_no_minute_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    def blocks(_: AudioReader, n_samples: int) -> Iterator[NDArray[np.float32]]:
        yield np.full(n_samples, 0.5, np.float32)
        pytest.fail("more of it was read")

    monkeypatch.setattr(AudioReader, "blocks", blocks)
    assert _first_sound(METAL, 22050, 3.0) == 3.0


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("stft", ("frequency (Hz)", ">10,000<", "level (dB, the loudest is 0)", ">−80<")),
        ("mel", ("frequency (Hz)", ">8,192<", "level (dB, the loudest is 0)", ">−80<")),
        ("mfcc", ("coefficient", ">15<")),
    ],
)
def test_pictures_of_a_song_have_readable_axes(kind: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    text = svg(kind, JAZZ, "--start", "2", "--duration", "4", "--dark", to=tmp_path)
    for part in ("jazz.wav", "time (s)", ">2.0<", ">6.0<", "#12161c", *parts):
        assert part in text


def test_the_mel_scale_shows_both_curves(tmp_path: Path) -> None:
    text = svg("mel-scale", to=tmp_path)
    assert "HTK" in text
    assert "Slaney" in text
    assert "1000 Hz = 1000 mel (HTK) = 15 mel (Slaney)" in text


def test_a_gallery_of_files_and_of_a_store(store: Path, tmp_path: Path) -> None:
    (tmp_path / "two.csv").write_text(f"file,genre\n{JAZZ},jazz\n{METAL},metal\n", encoding="utf-8")
    text = svg("gallery", tmp_path / "two.csv", to=tmp_path)
    assert all(f">{name}<" in text for name in ("jazz", "metal", "метал"))
    text = svg("gallery", store, "--each", "2", to=tmp_path)
    assert text.count(">song ") == 4


def test_the_demo_songs_are_a_data_set() -> None:
    from zhanr.lab.datasets import open_dataset

    dataset = open_dataset(DEMO / "genres.csv")
    assert not dataset.problems
    assert len(dataset.tracks) == len(dataset.genres) == 10
    assert all(track.path.is_file() for track in dataset.tracks)


def test_the_same_seed_chooses_the_same_tracks_and_another_one_others(store: Path) -> None:
    many = FeatureStore(
        x=np.zeros((40, 128, 3), np.uint8),
        names=np.array([f"n{i}" for i in range(40)]),
        labels=np.array(["a", "b"] * 20),
        features=FeatureConfig(),
    )
    first, again, other = (
        {g: [p.name for p in row] for g, row in pieces.choose(many, seed=seed)[0].items()} for seed in (1, 1, 2)
    )
    assert first == again != other
    assert [len(row) for row in first.values()] == [3, 3]
    without_b = pieces.choose(many.subset(many.labels == "a"), seed=1)[0]
    assert [p.name for p in without_b["a"]] == first["a"]
    chosen, config, _ = pieces.choose(FeatureStore.load(store), each=9)
    assert {g: len(row) for g, row in chosen.items()} == {"jazz": 3, "rock": 2}
    assert config == FeatureConfig()


def test_files_that_cannot_be_read_are_named_and_replaced(tmp_path: Path) -> None:
    from zhanr.lab.datasets import open_dataset

    for name in ("a/1.wav", "a/2.wav", "b/1.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no music")
    with pytest.raises(DatasetError, match="none of its files can be read"):
        pieces.choose(open_dataset(tmp_path))
    (tmp_path / "a/3.wav").write_bytes(JAZZ.read_bytes())
    chosen, _, problems = pieces.choose(open_dataset(tmp_path))
    assert [len(row) for row in chosen.values()] == [1]
    assert len(problems) == 3


def test_a_network_is_drawn_from_the_model_itself(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    text = svg("network", "paper", "--genres", "4", to=tmp_path)
    assert "paper: 2,228,452 parameters" in text
    assert text.count(">MaxPool 2×2<") == 4
    for part in ("Conv 3×3, ReLU, BatchNorm", "128 × 8 × 8", "8,192", "2,097,408", "Linear, ReLU, Dropout"):
        assert part in text


def test_a_model_file_is_drawn_from_its_graph(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    text = svg("network", "gtzan", to=tmp_path)
    assert ">128 × 129<" in text
    assert "MatMul" in text


def test_all_networks_are_named_where_there_is_no_such(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"crnn.*default.*or file"):
        plot("network", "nope", "-o", tmp_path / "figure.png")


def test_curves_of_a_run_of_its_folder(tmp_path: Path) -> None:
    rows = [",".join(HISTORY), "1,0.1,2.0,0.3,2.1,0.2,0.25", "2,0.1,1.5,0.5,1.9,0.3,0.35"]
    (tmp_path / "history.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert "35.0 % at the best epoch, 2" in svg("curves", tmp_path, to=tmp_path)


@pytest.mark.parametrize(
    ("kind", "part"),
    [("confusion", "predicted genre"), ("reliability", "Expected calibration error"), ("risk", "coverage, 5 songs")],
)
def test_what_a_model_says_of_a_store(kind: str, part: str, store: Path, tmp_path: Path) -> None:
    assert part in svg(kind, store, "--model", "paper", to=tmp_path)


def test_a_timeline(tmp_path: Path) -> None:
    text = svg("timeline", JAZZ, "--model", "gtzan", to=tmp_path)
    assert "jazz.wav" in text
    assert "whole song" in text


def test_without_an_output_the_figure_is_named_after_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert plot("mel-scale") == "mel-scale.png"
    assert (tmp_path / "mel-scale.png").read_bytes().startswith(b"\x89PNG")


def test_an_impossible_figure_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"figures are written as \.png or \.svg"):
        plot("confusion", tmp_path / "absent.npz", "-o", tmp_path / "figure.jpg")
    with pytest.raises(FileError, match="the music ends after 30"):
        plot("mel", JAZZ, "--start", "99", "-o", tmp_path / "figure.png")
    assert not list(tmp_path.iterdir())


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['zhanr', 'lab', 'plot', 'mel', '--help']\nfrom zhanr.cli import main\ntry: main()\n"
    code += "finally: print(sorted({'numpy', 'matplotlib', 'torch'} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"
