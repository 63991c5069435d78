"""Figures: made, of the right size, not blank, and readable as text where they are SVG."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.typing import NDArray
from PIL import Image

from zhanr import features
from zhanr.classifier import Moment, Prediction
from zhanr.config import FeatureConfig
from zhanr.errors import ConfigError, FileError
from zhanr.lab import plots
from zhanr.lab.evaluation.pieces import Piece
from zhanr.lab.plots import sound
from zhanr.lab.plots.canvas import DPI
from zhanr.lab.plots.history import HISTORY

GENRES = ["blues", "џез", "音楽", "_hidden", "$5 & <rock>"]
MATRIX = np.array([[7, 1, 0, 2, 0], [0, 9, 0, 0, 1], [0, 0, 0, 0, 0], [3, 3, 3, 3, 3], [0, 0, 1, 0, 1200]])
RNG = np.random.default_rng(0)
CONFIDENCE = RNG.uniform(0.3, 1.0, 80)
CORRECT = RNG.uniform(size=80) < CONFIDENCE


def history(folder: Path, epochs: int = 6) -> Path:
    """Epoch 3 is the best by song accuracy (2 has the same and a higher loss)."""
    song = [0.3, 0.6, 0.6, 0.5, 0.5, 0.5]
    rows = [
        f"{e},0.001,{2 / e},{1 - 0.8 / e},{2.1 - 0.1 * e},{0.5 - 0.4 / e},{song[e - 1]}" for e in range(1, epochs + 1)
    ]
    path = folder / "history.csv"
    path.write_text("\n".join([",".join(HISTORY), *rows]) + "\n", encoding="utf-8")
    return path


def prediction(n_windows: int = 7, n_genres: int = 5) -> Prediction:
    genres = [*GENRES, *(f"genre{i}" for i in range(5, n_genres))][:n_genres]
    rows = [RNG.dirichlet(np.ones(n_genres)) for _ in range(n_windows)]
    named = [dict(zip(genres, row.tolist(), strict=True)) for row in rows]
    moments = tuple(Moment(5.0 * i, 5.0 * i + 9.9, max(p, key=p.__getitem__), p) for i, p in enumerate(named))
    song = {g: float(np.mean([p[g] for p in named])) for g in genres}
    return Prediction("/music/Тоше $1.flac", None, max(song.values()), song, moments, np.zeros(2, np.float32), 40.0)


POINTS = [
    plots.Point("мел со многими полосами и очень длинным именем", (0.61, 0.6, 0.64), (0.5, 0.7), series="CNN"),
    plots.Point("STFT $1", (0.5, 0.55, 0.52), series="CNN"),
    plots.Point("STFT $1", (0.4,), series="CRNN & <rock>"),
]
CURVE = [plots.Point(f"{x} s", (0.3 + x / 100, 0.31 + x / 100), (0.2, 0.7), x, s) for s in "ab" for x in (1.5, 3, 30)]
WAYS = {f"way {i}": np.cumsum(RNG.normal(0, 0.05, (40, 2)), axis=0) for i in range(10)}
MEL = FeatureConfig(scale="none", hop_length=512)
PICTURE = RNG.uniform(-80, 0, (128, 60)).astype(np.float32)
PIECES = {"џез": [Piece("音楽", PICTURE), Piece("b" * 99, PICTURE[:, :30])], "$5 & <rock>": [Piece("c", PICTURE)]}
LAYERS = [("input", (128, 128), 0), ("Conv 3×3, ReLU", (16, 128, 128), 160), ("Linear", (10,), 1_290)]
PANEL = plots.Panel("жар", "dB", "џез", [plots.Bar("џез", -3.0, -4.0, -2.5), plots.Bar("$5", -9.0, -9.5, -8.0)])


def saddle(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return x * x - y * y


Draw = Callable[[Path, plots.Style], None]
FIGURES: dict[str, tuple[Draw, tuple[float, float] | None, tuple[str, ...]]] = {
    "learning_curves": (
        lambda path, style: plots.learning_curves(history(path.parent), path, style=style),
        (10.0, 4.2),
        ("epoch", "training", "validation, per song", "60.0 % at the best epoch, 3", "cross-entropy (nats)"),
    ),
    "confusion_matrix": (
        lambda path, style: plots.confusion_matrix(GENRES, MATRIX, path, style=style),
        None,
        ("blues", "џез", "音楽", "_hidden", "$5 &amp; &lt;rock&gt;", "predicted genre", "true genre", "1200"),
    ),
    "reliability": (
        lambda path, style: plots.reliability(CONFIDENCE, CORRECT, path, style=style),
        (5.6, 6.2),
        ("Expected calibration error", "songs", "confidence (probability of the answer)", "95 % interval"),
    ),
    "risk_coverage": (
        lambda path, style: plots.risk_coverage(CONFIDENCE, CORRECT, path, style=style),
        (6.4, 4.4),
        ("Risk and coverage, 80 songs", "share of wrong answers"),
    ),
    "timeline": (
        lambda path, style: plots.timeline(prediction(), path, style=style),
        (10.0, 3.8),
        ("time (s)", "Тоше $1.flac", "_hidden", "音楽", "$5 &amp; &lt;rock&gt;"),
    ),
    "study, rows": (
        lambda path, style: plots.study(POINTS, path, title="t" * 300, lines={"бумага": 0.65}, style=style),
        None,
        ("61.7 ± 2.1 %", "STFT $1", "40.0 %", "бумага 65 %", "CRNN &amp; &lt;rock&gt;", "songs right"),
    ),
    "study, curves": (
        lambda path, style: plots.study(CURVE, path, title="Length", xlabel="seconds", log_x=True, style=style),
        (8.4, 4.8),
        ("Length", ">1.5<", ">30<", "seconds", "songs right"),
    ),
    "trajectories": (
        lambda path, style: plots.trajectories(
            saddle, WAYS, path, title="Saddle", x_range=(-1, 1), y_range=(-1, 1), style=style
        ),
        (6.8, 4.9),
        ("Saddle", "first parameter", "way 9"),
    ),
    "waveform": (
        lambda path, style: plots.waveform(PICTURE[0] / 80, 600, path, start=2.0, title="џез $1", style=style),
        (10.0, 3.4),
        ("time (s)", "amplitude", "џез $1", ">2.00<", ">2.10<"),
    ),
    "spectrogram": (
        lambda path, style: plots.spectrogram(PICTURE, MEL, path, start=7.0, title="音楽", style=style),
        (10.0, 4.4),
        ("time (s)", "frequency (Hz)", ">8,192<", "level (dB, the loudest is 0)", "音楽", ">7.2<"),
    ),
    "mel_scale": (lambda path, style: plots.mel_scale(path, style=style), (11.0, 4.6), ("mel (HTK)", "mel (Slaney)")),
    "gallery": (
        lambda path, style: plots.gallery(PIECES, MEL, path, title="мои", style=style),
        None,
        ("џез", "音楽", "$5 &amp; &lt;rock&gt;", "мои: mel-spectrograms, frequency in Hz", f">{39 * 'b'}…<"),
    ),
    "network": (
        lambda path, style: plots.network(LAYERS, path, title="мрежа", style=style),
        None,
        ("мрежа: 1,450 parameters", "Conv 3×3, ReLU", "16 × 128 × 128", "1,290"),
    ),
    "ranks": (
        lambda path, style: plots.ranks([PANEL, PANEL, PANEL], path, title="Looks", style=style),
        None,
        ("жар (dB)", "џез", "$5", "Looks"),
    ),
}


@pytest.mark.parametrize("style", ["light", "dark"])
@pytest.mark.parametrize("name", FIGURES)
def test_a_png_is_full_size_opaque_and_not_blank(name: str, style: plots.Style, tmp_path: Path) -> None:
    draw, size, _ = FIGURES[name]
    draw(tmp_path / "figure.png", style)
    image = imread(tmp_path / "figure.png")
    if size:
        assert image.shape[:2] == (round(size[1] * DPI), round(size[0] * DPI))
    assert image[..., :3].std() > 0.05
    assert image[..., 3].min() == 1.0
    paper = image[0, 0, :3].mean()
    assert paper > 0.95 if style == "light" else paper < 0.15


@pytest.mark.parametrize("name", FIGURES)
def test_an_svg_holds_its_text_as_text(name: str, tmp_path: Path) -> None:
    draw, _, texts = FIGURES[name]
    draw(tmp_path / "figure.svg", "light")
    svg = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    for text in texts:
        assert text in svg


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg", "a.png", "b.png"):
        plots.risk_coverage(CONFIDENCE, CORRECT, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_one_epoch_one_song_one_window_can_be_drawn(tmp_path: Path) -> None:
    plots.learning_curves(history(tmp_path, epochs=1), tmp_path / "new" / "curves.png", best=1)
    plots.confusion_matrix(["a", "b"], [[0, 1], [0, 0]], tmp_path / "matrix.png")
    plots.reliability([0.0], [True], tmp_path / "reliability.png")
    plots.risk_coverage([0.7], [True], tmp_path / "risk.png")
    plots.timeline(prediction(n_windows=1, n_genres=2), tmp_path / "timeline.png")
    assert len(list(tmp_path.rglob("*.png"))) == 5


def test_many_genres_are_drawn_without_numbers_and_with_the_rest_summed(tmp_path: Path) -> None:
    plots.confusion_matrix([f"genre{i}" for i in range(30)], 77 * np.eye(30, dtype=int), tmp_path / "matrix.svg")
    svg = (tmp_path / "matrix.svg").read_text(encoding="utf-8")
    assert "genre29" in svg
    assert ">77<" not in svg
    plots.timeline(prediction(n_genres=30), tmp_path / "timeline.svg", shown=4)
    svg = (tmp_path / "timeline.svg").read_text(encoding="utf-8")
    assert len(re.findall(r"  \d+ %<", svg)) == 5
    assert ">others  " in svg


def test_any_file_name_can_be_a_title(tmp_path: Path) -> None:
    odd = dataclasses.replace(prediction(), path=f"/music/\udcff\n\x01{200 * 'x'}.mp3")
    plots.timeline(odd, tmp_path / "timeline.svg")
    xml = ElementTree.parse(tmp_path / "timeline.svg")
    titles = [e.text for e in xml.iter() if e.text and "xxx" in e.text]
    assert titles == [f"\ufffd\ufffd\ufffd{76 * 'x'}…"]


def test_the_callers_best_epoch_is_the_one_marked(tmp_path: Path) -> None:
    plots.learning_curves(history(tmp_path), tmp_path / "curves.svg", best=5)
    assert "50.0 % at the best epoch, 5" in (tmp_path / "curves.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("epoch,loss\n1,2\n", "no column lr"),
        (",".join(HISTORY) + "\n", "no epochs"),
        (",".join(HISTORY) + "\n1,x,1,1,1,1,1\n", "'x' is not a number"),
    ],
)
def test_a_wrong_history_is_a_clear_error(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError, match=reason):
        plots.learning_curves(path, tmp_path / "curves.png")


def test_wrong_requests_are_refused_and_write_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"\.png or \.svg"):
        plots.risk_coverage(CONFIDENCE, CORRECT, tmp_path / "risk.jpg")
    with pytest.raises(ConfigError, match="not one of light, dark"):
        plots.risk_coverage(CONFIDENCE, CORRECT, tmp_path / "risk.png", style="pink")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected a matrix"):
        plots.confusion_matrix(["a"], [[1, 2], [3, 4]], tmp_path / "matrix.png")
    with pytest.raises(FileError, match="no such file"):
        plots.learning_curves(tmp_path / "absent.csv", tmp_path / "curves.png")
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['matplotlib'] = None; from zhanr.lab import plots"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs matplotlib: pip install 'zhanr[train]'" in done.stderr


def test_an_animation_moves_is_small_and_ends_as_the_figure_does(tmp_path: Path) -> None:
    ways = {"a": np.column_stack([np.linspace(-1, 1, 300), np.linspace(0, 0.5, 300)]), "b": WAYS["way 1"]}
    for name in ("a.gif", "b.gif"):
        plots.animate(saddle, ways, tmp_path / name, title="Saddle", x_range=(-1, 1), y_range=(-1, 1))
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    assert (tmp_path / "a.gif").stat().st_size < 1_500_000
    with Image.open(tmp_path / "a.gif") as film:
        assert 60 <= film.n_frames <= 90  # type: ignore[attr-defined]
        frames = []
        for i in range(film.n_frames):  # type: ignore[attr-defined]
            film.seek(i)
            frames.append(np.asarray(film.convert("RGB"), dtype=int))
    blue = np.array([0x00, 0x72, 0xB2])  # the line of the first way
    drawn = [
        (np.abs(frame[:, : frame.shape[1] // 2] - blue).max(axis=2) < 12).sum() for frame in (frames[0], frames[-1])
    ]
    assert drawn[1] > drawn[0] + 100
    with pytest.raises(FileError, match=r"\.gif"):
        plots.animate(saddle, ways, tmp_path / "a.png", title="", x_range=(-1, 1), y_range=(-1, 1))


def test_the_place_of_a_frequency_on_the_mel_axis_is_that_of_its_filter(tmp_path: Path) -> None:
    """A tone of 1024 Hz must be drawn at the tick of 1,024 Hz."""
    tone = np.sin(2 * np.pi * 1024 * np.arange(22050) / 22050)
    for scale in ("slaney", "htk"):
        config = FeatureConfig(hop_length=512, mel_scale=scale, scale="none")
        loudest = features.extract(tone, config)[:, 20].argmax()
        with plots.canvas(tmp_path / "axis.png", (3, 3)) as (figure, _):
            ax = figure.subplots()
            sound.label_bins(ax, config)
            place = dict(zip((t.get_text() for t in ax.get_yticklabels()), ax.get_yticks(), strict=True))["1,024"]
        assert abs(place - (loudest + 0.5)) < 1


def test_labels_of_close_values_do_not_overlap(tmp_path: Path) -> None:
    rates = (0.00015, 0.0003, 0.0005, 0.001, 0.0015, 0.01, 3.0)
    points = [plots.Point(str(rate), (0.5,), x=rate) for rate in rates]
    plots.study(points, tmp_path / "a.svg", title="", log_x=True)
    svg = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert [rate for rate in rates if f">{rate:g}<" in svg] == [0.00015, 0.0005, 0.0015, 0.01, 3.0]


def test_nothing_to_draw_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one case"):
        plots.study([], tmp_path / "a.png", title="")
    with pytest.raises(ValueError, match="at least one case"):
        plots.study([plots.Point("a", ())], tmp_path / "a.png", title="")
    with pytest.raises(ValueError, match="steps"):
        plots.trajectories(saddle, {}, tmp_path / "a.png", title="", x_range=(0, 1), y_range=(0, 1))
    with pytest.raises(ValueError, match="at least one piece"):
        plots.gallery({"a": []}, MEL, tmp_path / "a.png")
    with pytest.raises(ValueError, match="layers"):
        plots.network([], tmp_path / "a.png")
    with pytest.raises(ValueError, match="picture of"):
        plots.spectrogram(PICTURE[:5], MEL, tmp_path / "a.png")
    with pytest.raises(ValueError, match="mono signal"):
        plots.waveform(PICTURE, 600, tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
