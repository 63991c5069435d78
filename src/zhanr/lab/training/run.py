"""One command's worth of training: from a configuration to a folder with the model file and how it came about."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import FrameType

from zhanr.errors import ConfigError
from zhanr.lab.datasets.store import FeatureStore
from zhanr.lab.training.config import TrainConfig
from zhanr.lab.training.data import TrainingData, load_stores, prepare
from zhanr.lab.training.export import export
from zhanr.lab.training.loop import StoppedError, Trainer
from zhanr.lab.training.progress import Epoch, Progress, write_history

CHECKPOINT, HISTORY, CURVES, MODEL = "checkpoint.safetensors", "history.csv", "curves.png", "model.onnx"


@dataclass(frozen=True)
class TrainResult:
    """Where the results are, and the row of the epoch that was kept."""

    output: Path
    model: Path
    best: Epoch
    history: tuple[Epoch, ...]

    @property
    def seconds(self) -> float:
        """The time spent in all epochs."""
        return sum(row.seconds for row in self.history)


def train(
    config: str | os.PathLike[str] | TrainConfig,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    output: str | os.PathLike[str] | None = None,
    stores: tuple[FeatureStore, FeatureStore] | None = None,
) -> TrainResult:
    """Train a network and write its model file.

    Ctrl-C finishes the current batch, saves the state and raises `StoppedError`; `resume=True` then goes on to the same
    weights, to the last bit (on the CPU), that an uninterrupted run ends with. A second Ctrl-C breaks off at once; the
    state is then that of the last full epoch.

    Parameters
    ----------
    config : path or TrainConfig
        A TOML file, or its content.
    resume : bool
        Go on where the run in the output folder was stopped. A run that is finished already is only exported again.
    progress : Progress, optional
        Is told of every batch and epoch.
    output : path, optional
        The folder for the results; by default ``runs/`` and the name of the configuration.
    stores : (train, valid), optional
        Use these instead of those that the configuration names.

    Raises
    ------
    ConfigError, DatasetError, StoppedError
    """
    settings = config if isinstance(config, TrainConfig) else TrainConfig.load(Path(config))
    folder = Path(output) if output is not None else Path("runs") / (settings.card.name or settings.model.name)
    checkpoint = folder / CHECKPOINT
    _check_folder(checkpoint, resume)
    trainer = Trainer(settings, _data(settings, stores))
    if resume:
        trainer.restore(checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    _keep_config(config, folder)

    def after_epoch() -> None:
        trainer.save(checkpoint)
        write_history(folder / HISTORY, trainer.history)

    with stop_on_interrupt() as stop:
        try:
            trainer.fit(progress or Progress(), stop=stop, after_epoch=after_epoch)
        except StoppedError as stopped:
            trainer.save(checkpoint)
            raise StoppedError(f"{stopped}; the same command with --resume goes on from there ({folder})") from None
    return _finish(trainer, folder)


def run_config(path: Path) -> Path | TrainConfig:
    """The settings of a run: a TOML file as it is, and for a feature store the example `own-genres` with this store.

    Artists stay on one side where the store knows any; where it knows none, genres alone are balanced.
    """
    if path.suffix != ".npz":
        return path
    text = files("zhanr.lab").joinpath("configs", "own-genres.toml").read_text(encoding="utf-8")
    values = tomllib.loads(text)
    split = "artist_disjoint" if FeatureStore.load(path).artist_of else "stratified"
    values["data"] = {**values["data"], "store": str(path), "split": split}
    values["card"]["name"] = path.stem
    return TrainConfig.from_dict(values, where="configuration")


def _finish(trainer: Trainer, folder: Path) -> TrainResult:
    """Draw the curves and write the model file of the best epoch."""
    from zhanr.lab.plots import learning_curves

    write_history(folder / HISTORY, trainer.history)
    learning_curves(folder / HISTORY, folder / CURVES, best=trainer.best_epoch)
    about = {"epochs": len(trainer.history), "best_epoch": trainer.best_epoch}
    export(folder / MODEL, trainer.best_student().network, trainer.config, trainer.data, **about)
    best = trainer.history[trainer.best_epoch - 1]
    return TrainResult(folder, folder / MODEL, best, tuple(trainer.history))


def _data(config: TrainConfig, stores: tuple[FeatureStore, FeatureStore] | None) -> TrainingData:
    train, valid = stores or load_stores(config.data)
    return prepare(train, valid, config.data.genres, config.distill)


def _check_folder(checkpoint: Path, resume: bool) -> None:
    if resume and not checkpoint.exists():
        raise ConfigError(f"there is nothing to resume: {checkpoint} does not exist")
    if not resume and checkpoint.exists():
        raise ConfigError(
            f"{checkpoint.parent} holds a run already: resume it with --resume, choose another folder with "
            "--output, or delete it"
        )


def _keep_config(config: str | os.PathLike[str] | TrainConfig, folder: Path) -> None:
    """Beside the results, what they are the results of."""
    if isinstance(config, TrainConfig):
        text = json.dumps(config.to_dict(), indent=1, ensure_ascii=False)
        (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    elif Path(config).resolve() != (folder / "config.toml").resolve():
        shutil.copyfile(config, folder / "config.toml")


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Within the block the first Ctrl-C only makes the yielded function true, and the second interrupts as usual."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set  # only the main thread hears signals
        return

    def ask(_number: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
