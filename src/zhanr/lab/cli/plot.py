"""`zhanr lab plot`: figures of sound, of models and of what they say, each as one PNG or SVG file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zhanr.cli import output
from zhanr.errors import ConfigError

if TYPE_CHECKING:
    from zhanr.config import FeatureConfig
    from zhanr.lab.evaluation.evaluate import Report
    from zhanr.lab.plots import Style

app = typer.Typer(no_args_is_help=True)

Song = Annotated[Path, typer.Argument(help="An audio file.")]
Target = Annotated[Path, typer.Argument(help="A feature store (.npz), a data set's folder, or a CSV manifest.")]
Model = Annotated[str | None, typer.Option(help="A built-in model's name, or a .onnx file.")]
To = Annotated[Path | None, typer.Option("-o", "--output", help="The .png or .svg file (default: COMMAND.png).")]
Dark = Annotated[bool, typer.Option("--dark", help="Light on dark.")]
Start = Annotated[float, typer.Option(min=0.0, help="Where to begin, in seconds.")]
Duration = Annotated[float, typer.Option(min=0.2, max=600.0, help="How much to show, in seconds.")]
MelScale = Annotated[Literal["slaney", "htk"], typer.Option(help="Whose mel scale.")]

MOST_FRAMES = 2400  # more columns than this no figure can show: the hop grows for a longer piece
SEARCHED = 60.0  # seconds in which the first sound is looked for
SEEN = 1e-3  # of full scale: what is less is a flat line in the figure


@app.command("waveform")
def waveform(
    song: Song,
    to: To = None,
    start: Start = 0.0,
    duration: Annotated[float, typer.Option(min=0.001, max=600.0, help="How much to show, in seconds.")] = 0.1,
    dark: Dark = False,
) -> None:
    """Draw amplitude over time; a tenth of a second shows single vibrations."""
    from zhanr import audio
    from zhanr.lab import plots

    with _figure(to, "waveform") as target:
        rate = audio.probe(song).sample_rate
        start = _first_sound(song, rate, start)
        piece = audio.load(song, sample_rate=rate, start=start, duration=duration)
        plots.waveform(piece.samples, rate, target, start=start, title=song.name, style=_style(dark))


def _first_sound(song: Path, rate: int, start: float) -> float:
    """Where something can be seen, in seconds: `start`, or the first sound of the minute after it."""
    import numpy as np

    from zhanr import audio

    with audio.AudioReader(song, sample_rate=rate, start=start, duration=SEARCHED) as reader:
        blocks = reader.blocks(round(0.05 * rate))
        pieces = [np.abs(next(blocks))]
        if pieces[0].max() >= 0.01:  # no threshold below is higher: it begins at once, as nearly every song does
            return start
        samples = np.concatenate([*pieces, *(np.abs(block) for block in blocks)])
    first = int(np.argmax(samples >= max(0.01 * samples.max(), SEEN)))
    if first < 0.05 * rate:
        return start
    found = start + first / rate
    output.warn(f"{song}: silent from {start:g} to {found:.2f} s; drawn from there")
    return found


@app.command("stft")
def stft(song: Song, to: To = None, start: Start = 0.0, duration: Duration = 30.0, dark: Dark = False) -> None:
    """Draw the spectrogram: level over time and frequency, with equal steps of hertz."""
    from zhanr.config import FeatureConfig

    _spectrogram(song, FeatureConfig(kind="stft", scale="none"), to, start, duration, dark)


@app.command("mel")
def mel(
    song: Song,
    to: To = None,
    start: Start = 0.0,
    duration: Duration = 30.0,
    mel_scale: MelScale = "slaney",
    dark: Dark = False,
) -> None:
    """Draw the mel-spectrogram: the same with frequencies spaced as the ear hears them, as our networks see it."""
    from zhanr.config import FeatureConfig

    config = FeatureConfig(kind="mel", mel_scale=mel_scale, scale="none")
    _spectrogram(song, config, to, start, duration, dark)


@app.command("mfcc")
def mfcc(song: Song, to: To = None, start: Start = 0.0, duration: Duration = 30.0, dark: Dark = False) -> None:
    """Draw mel-frequency cepstral coefficients: the shape of the spectrum, in twenty numbers a frame."""
    from zhanr.config import FeatureConfig

    _spectrogram(song, FeatureConfig(kind="mfcc", scale="none"), to, start, duration, dark)


def _spectrogram(song: Path, config: FeatureConfig, to: Path | None, start: float, duration: float, dark: bool) -> None:
    import dataclasses

    from zhanr import audio, features
    from zhanr.lab import plots

    with _figure(to, config.kind) as target:
        samples = audio.load(song, sample_rate=config.sample_rate, start=start, duration=duration).samples
        config = dataclasses.replace(config, hop_length=max(256, len(samples) // MOST_FRAMES))
        picture = features.extract(samples, config)
        plots.spectrogram(picture, config, target, start=start, title=song.name, style=_style(dark))


@app.command("mel-scale")
def mel_scale(to: To = None, dark: Dark = False) -> None:
    """Draw the mel scales of HTK and of Slaney over frequency, and their filters."""
    from zhanr.lab import plots

    with _figure(to, "mel-scale") as target:
        plots.mel_scale(target, style=_style(dark))


@app.command("gallery")
def gallery(
    data: Target,
    to: To = None,
    each: Annotated[int, typer.Option(min=1, max=8, help="Tracks of each genre.")] = 3,
    seed: Annotated[int, typer.Option(help="Which tracks: the same seed gives the same ones.")] = 0,
    dark: Dark = False,
) -> None:
    """Draw random tracks of each genre as mel-spectrograms, to see what a network sees."""
    from zhanr.lab import plots
    from zhanr.lab.datasets import open_labelled
    from zhanr.lab.evaluation import pieces

    with _figure(to, "gallery") as target:
        chosen, config, problems = pieces.choose(open_labelled(data), each=each, seed=seed)
        for problem in problems:
            output.warn(f"left out: {problem}")
        plots.gallery(chosen, config, target, title=data.name, style=_style(dark))


@app.command("network")
def network(
    name: Annotated[str, typer.Argument(help="A network's name, a built-in model's, or a .onnx file.")] = "paper",
    to: To = None,
    bins: Annotated[int, typer.Option(min=1, help="Bins of a window (networks by name).")] = 128,
    frames: Annotated[int, typer.Option(min=1, help="Frames of a window (networks by name).")] = 128,
    genres: Annotated[int, typer.Option(min=2, help="How many genres (networks by name).")] = 10,
    dark: Dark = False,
) -> None:
    """Draw a network from the model itself: its layers, the shapes between them, their parameters."""
    from zhanr.bundle import builtin_models, load_bundle
    from zhanr.lab import plots
    from zhanr.lab.networks import MODELS, build
    from zhanr.lab.training import outline

    by_name = name in MODELS
    if not by_name and name not in builtin_models() and not Path(name).exists():
        raise ConfigError(
            f"{name}: there is no such network ({', '.join(MODELS)}), built-in model "
            f"({', '.join(builtin_models())}) or file"
        )
    with _figure(to, "network") as target:
        if by_name:
            layers = outline.of_module(build(name, n_bins=bins, n_frames=frames, n_genres=genres), bins, frames)
        else:
            layers = outline.of_graph(load_bundle(name).path)
        plots.network(layers, target, title=Path(name).name, arrows=by_name, style=_style(dark))


@app.command("curves")
def curves(
    history: Annotated[Path, typer.Argument(help="A training run's folder, or its history.csv.")],
    to: To = None,
    dark: Dark = False,
) -> None:
    """Draw a training run's learning curves: accuracy and loss, training and validation."""
    from zhanr.lab import plots

    with _figure(to, "curves") as target:
        plots.learning_curves(history / "history.csv" if history.is_dir() else history, target, style=_style(dark))


@app.command("confusion")
def confusion(data: Target, to: To = None, model: Model = None, dark: Dark = False) -> None:
    """Draw which genres a model takes for which."""
    from zhanr.lab import plots

    with _figure(to, "confusion") as target:
        report = _evaluate(data, model)
        plots.confusion_matrix(report.genres, report.confusion, target, style=_style(dark))


@app.command("reliability")
def reliability(data: Target, to: To = None, model: Model = None, dark: Dark = False) -> None:
    """Draw how often a model is right against how sure it is."""
    from zhanr.lab import plots

    with _figure(to, "reliability") as target:
        report = _evaluate(data, model)
        plots.reliability(report.confidence, report.correct, target, style=_style(dark))


@app.command("risk")
def risk(data: Target, to: To = None, model: Model = None, dark: Dark = False) -> None:
    """Draw how often a model is wrong when it answers only the songs it is surest of."""
    from zhanr.lab import plots

    with _figure(to, "risk") as target:
        report = _evaluate(data, model)
        plots.risk_coverage(report.confidence, report.correct, target, style=_style(dark))


@app.command("timeline")
def timeline(song: Song, to: To = None, model: Model = None, dark: Dark = False) -> None:
    """Draw the probabilities of the genres over the time of one song."""
    from zhanr.classifier import Classifier
    from zhanr.lab import plots

    with _figure(to, "timeline") as target:
        plots.timeline(Classifier.load(model).predict(song), target, style=_style(dark))


@contextmanager
def _figure(to: Path | None, name: str) -> Iterator[Path]:
    """Where the figure goes, said when it is drawn; an impossible suffix is an error before anything is measured."""
    from zhanr.lab import plots

    target = plots.writable(to or Path(f"{name}.png"))
    yield target
    typer.echo(target)


def _style(dark: bool) -> Style:
    return "dark" if dark else "light"


def _evaluate(data: Path, model: str | None) -> Report:
    from zhanr.classifier import Classifier
    from zhanr.lab.datasets import open_labelled
    from zhanr.lab.evaluation.evaluate import evaluate

    classifier = Classifier.load(model)
    with output.progress("evaluating") as tell:
        return evaluate(open_labelled(data), classifier, progress=tell, jobs=output.default_jobs())
