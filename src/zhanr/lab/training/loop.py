"""The training loop: batches, epochs, the best one by validation, and a state that resumes exactly."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from zhanr.errors import ConfigError, ZhanrError
from zhanr.lab.networks import build
from zhanr.lab.training import checkpoint, validation
from zhanr.lab.training.augment import augment, mixup
from zhanr.lab.training.config import TrainConfig
from zhanr.lab.training.data import TrainingData, all_windows, n_batches, seed_of, training_batches
from zhanr.lab.training.distill import Student, distance
from zhanr.lab.training.optim import Now, make_optimizer, make_schedule, set_lr
from zhanr.lab.training.progress import Epoch, Progress


class StoppedError(ZhanrError):
    """The run was asked to stop, and did so between two batches."""


@dataclass
class Sums:
    """What has been added up in the current epoch."""

    loss: float = 0.0
    correct: float = 0.0
    windows: int = 0
    seconds: float = 0.0


class Trainer:
    """One run in memory. `fit` trains it to its end; `save` and `restore` keep its whole state in one file."""

    def __init__(self, config: TrainConfig, data: TrainingData) -> None:
        self.config, self.data = config, data
        self.device = resolve_device(config.training.device)
        self.valid = all_windows(data.valid, config.windows)
        self.student = make_student(config, data).to(self.device)
        self.mean = copy.deepcopy(self.student) if config.training.ema else self.student
        self.optimizer = make_optimizer(self.student, config.optimizer)
        self.schedule = make_schedule(config.schedule)
        self.weight = config.distill.weight if config.distill else 0.0
        self.batches = n_batches(len(data.train), config.training.crops, config.training.batch_size)
        self.history: list[Epoch] = []
        self.best: dict[str, Tensor] = {}
        self.best_epoch = 0
        self._batch = 0
        self._sums = Sums()

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or patience has run out."""
        done, t = len(self.history), self.config.training
        return done >= t.epochs or 0 < t.patience <= done - self.best_epoch

    def fit(self, progress: Progress, *, stop: Callable[[], bool], after_epoch: Callable[[], None]) -> None:
        """Train until finished; `StoppedError` is raised between two batches once `stop()` is true."""
        first = len(self.history) + 1
        progress.on_start(epochs=self.config.training.epochs, batches=self.batches, first_epoch=first)
        with settings(self.config.training.threads):
            while not self.finished:
                self._run_batches(progress, stop)
                progress.on_epoch(self._close_epoch(), best=self.best_epoch == len(self.history))
                after_epoch()

    def best_student(self) -> Student:
        """The network of the best epoch, on the CPU, in evaluation mode."""
        student = copy.deepcopy(self.mean).cpu()
        student.load_state_dict(self.best)
        return student.eval()

    def save(self, path: Path) -> None:
        """Write the state of the run for `restore`."""
        memory, numbers = checkpoint.flatten_optimizer(self.optimizer)
        parts = {"student": self.student.state_dict(), "best": self.best, "optimizer": memory}
        if self.mean is not self.student:
            parts["mean"] = self.mean.state_dict()
        tensors = {f"{part}.{key}": tensor for part, held in parts.items() for key, tensor in held.items()}
        state = {
            "run": identity(self.config, self.data),
            "optimizer": numbers,
            "history": [row.to_dict() for row in self.history],
            "best_epoch": self.best_epoch,
            "batch": self._batch,
            "sums": asdict(self._sums),
        }
        checkpoint.save(path, tensors, state)

    def restore(self, path: Path) -> None:
        """Go on where `save` was called, to the same result as if nothing had happened.

        Raises
        ------
        ConfigError
            The checkpoint is of other data or another configuration.
        FileError
            It is not a checkpoint.
        """
        tensors, state = checkpoint.load(path)
        if changed := sorted(difference(state["run"], identity(self.config, self.data))):
            raise ConfigError(f"{path} can't be resumed: since it was written, {', '.join(changed)} changed")
        parts: dict[str, dict[str, Tensor]] = {"student": {}, "mean": {}, "best": {}, "optimizer": {}}
        for name, tensor in tensors.items():
            part, key = name.split(".", 1)
            parts[part][key] = tensor
        self.student.load_state_dict(parts["student"])
        if self.mean is not self.student:
            self.mean.load_state_dict(parts["mean"])
        checkpoint.restore_optimizer(self.optimizer, parts["optimizer"], state["optimizer"])
        self.best, self.best_epoch = parts["best"], state["best_epoch"]
        self.history = [Epoch.from_dict(row) for row in state["history"]]
        self._batch, self._sums = state["batch"], Sums(**state["sums"])

    def _run_batches(self, progress: Progress, stop: Callable[[], bool]) -> None:
        """Train on what is left of the current epoch."""
        t, epoch = self.config.training, len(self.history)
        sizes = {"crops": t.crops, "batch_size": t.batch_size}
        started = time.perf_counter()
        try:
            for x, targets in training_batches(
                self.data.train, self.config.windows, **sizes, seed=t.seed, epoch=epoch, first=self._batch
            ):
                if stop():
                    raise StoppedError(f"stopped in epoch {epoch + 1} after {self._batch} of {self.batches} batches")
                self._step(x.to(self.device), targets.to(self.device))
                self._batch += 1
                progress.on_batch(epoch=epoch + 1, batch=self._batch, loss=self._sums.loss / self._sums.windows)
        finally:
            self._sums.seconds += time.perf_counter() - started

    def _step(self, x: Tensor, targets: Tensor) -> None:
        """One batch: change it, compare the answer with the targets, improve the weights and their running mean."""
        t, epoch = self.config.training, len(self.history)
        generator = torch.Generator().manual_seed(seed_of(t.seed, epoch, self._batch, 1))
        torch.manual_seed(seed_of(t.seed, epoch, self._batch, 2))  # dropout
        x = augment(x, self.config.augment, generator)
        x, targets = mixup(x, targets, self.config.augment.mixup, generator)
        set_lr(self.optimizer, self._lr(epoch + self._batch / self.batches))
        self.student.train()
        self.optimizer.zero_grad(set_to_none=True)
        self._loss(x, targets).backward()  # type: ignore[no-untyped-call]
        if t.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.student.parameters(), t.clip_norm)
        self.optimizer.step()
        if self.mean is not self.student:
            follow(self.mean, self.student, t.ema, step=epoch * self.batches + self._batch)

    def _loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy with smoothed genres, plus the distance to the teacher where there is one."""
        half = self.config.training.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            logits, guess = self.student(x)
        genres, teacher = targets[:, : len(self.data.labels)], targets[:, len(self.data.labels) :]
        logits, guess = logits.float(), None if guess is None else guess.float()
        loss = functional.cross_entropy(logits, genres, label_smoothing=self.config.training.label_smoothing)
        if not math.isfinite(value := loss.item()):
            raise ZhanrError(f"training diverged in epoch {len(self.history) + 1} (loss {value}): lower optimizer.lr")
        self._sums.loss += value * len(x)
        self._sums.correct += (logits.argmax(dim=1) == genres.argmax(dim=1)).sum().item()
        self._sums.windows += len(x)
        return loss if guess is None else loss + self.weight * distance(guess, teacher)

    def _close_epoch(self) -> Epoch:
        """Validate, add a row to the history, and keep the weights if they are the best."""
        started = time.perf_counter()
        logits = validation.window_logits(self.mean, self.valid, self.device)
        v = validation.validate(logits, self.valid, self.config.training.aggregation)
        s, number = self._sums, len(self.history) + 1
        row = Epoch(
            epoch=number,
            lr=self._lr(number - 1),
            train_loss=s.loss / s.windows,
            train_accuracy=s.correct / s.windows,
            valid_loss=v.loss,
            valid_accuracy=v.accuracy,
            valid_song_loss=v.song_loss,
            valid_song_accuracy=v.song_accuracy,
            seconds=s.seconds + time.perf_counter() - started,
        )
        if not self.best or self._rank(row) < self._rank(self.history[self.best_epoch - 1]):
            self.best_epoch = number
            self.best = {k: t.detach().cpu().clone() for k, t in self.mean.state_dict().items()}
        self.history.append(row)
        self._batch, self._sums = 0, Sums()
        return row

    def _rank(self, row: Epoch) -> tuple[float, float]:
        """Smaller is better."""
        by_accuracy = self.config.training.select == "accuracy"
        return (-row.valid_song_accuracy if by_accuracy else 0.0, row.valid_song_loss)

    def _lr(self, epoch: float) -> float:
        losses = [row.valid_song_loss for row in self.history]
        return self.config.optimizer.lr * self.schedule(Now(epoch, self.config.training.epochs, losses))


def make_student(config: TrainConfig, data: TrainingData) -> Student:
    """A fresh network for this data; the same seed gives the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(config.training.seed))
        sizes = {"n_bins": data.features.n_bins, "n_frames": config.windows.frames, "n_genres": len(data.labels)}
        return Student(build(config.model.name, **sizes, **config.model.options), data.teacher_size)


def resolve_device(name: str) -> torch.device:
    """Take the GPU for "auto" where there is one; asking for one that is absent is a `ConfigError`."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigError("training.device is cuda, and torch sees no such GPU; use auto or cpu")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and available) else "cpu")


@contextmanager
def settings(threads: int) -> Iterator[None]:
    """Use that many threads (0: as it is), and leave torch's threads and random state as they were."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads or before)
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def follow(mean: torch.nn.Module, model: torch.nn.Module, decay: float, *, step: int) -> None:
    """Move a running mean of all weights and statistics towards the model; in the first steps faster than later."""
    decay = min(decay, (1 + step) / (10 + step))
    for held, new in zip(mean.state_dict().values(), model.state_dict().values(), strict=True):
        if held.is_floating_point():
            held.lerp_(new, 1 - decay)
        else:
            held.copy_(new)


def settings_of(config: TrainConfig) -> dict[str, Any]:
    """A configuration without what changes no result: paths, the card, the device."""
    whole = config.to_dict()
    del whole["card"]
    for section, key in (("data", "train"), ("data", "valid"), ("data", "store"), ("training", "device")):
        del whole[section][key]
    return whole


def identity(config: TrainConfig, data: TrainingData) -> dict[str, Any]:
    """What must be equal for two runs to be the same; not where the files lie, nor on what it is computed."""
    whole = settings_of(config)
    if whole["distill"]:
        del whole["distill"]["path"]
    hashes = {part: about["sha256"] for part, about in data.about.items()}
    whole |= {"labels": data.labels, "content of the data": hashes}
    return dict(json.loads(json.dumps(whole)))  # as a checkpoint has it: tuples are lists


def difference(one: Any, other: Any, name: str = "") -> Iterator[str]:
    """The dotted names of the values that differ between two nested mappings."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in one.keys() | other.keys():
            yield from difference(one.get(key), other.get(key), f"{name}.{key}".lstrip("."))
    elif one != other:
        yield name
