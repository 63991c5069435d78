"""What one training run is: the sections of its TOML file as strict records."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from zhanr.config import Aggregation, Config, WindowConfig, read_toml
from zhanr.errors import ConfigError
from zhanr.lab.training.augment import AugmentConfig


@dataclass(frozen=True)
class DataConfig(Config):
    """Either two stores, `train` and `valid`, or one `store` and how to `split` it.

    `genres` keeps only these; by default all of the training part. Of the parts "train", "valid", "test" that the
    fault-filtered split has, the first two are used; the others deal `valid_fraction` of the songs to validation.
    """

    train: str | None = None
    valid: str | None = None
    store: str | None = None
    split: Literal["fault_filtered", "stratified", "artist_disjoint"] | None = None
    valid_fraction: float = 0.2
    split_seed: int = 0
    genres: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        two = self.train is not None and self.valid is not None and self.store is None and self.split is None
        one = self.train is None and self.valid is None and self.store is not None and self.split is not None
        if not (two or one):
            raise ConfigError("data: give either train and valid, or store and split")
        if not 0 < self.valid_fraction < 1:
            raise ConfigError(f"data.valid_fraction must be between 0 and 1, got {self.valid_fraction}")
        if self.genres is not None and len(set(self.genres)) < max(2, len(self.genres)):
            raise ConfigError(f"data.genres must be two or more different genres, got {list(self.genres)}")

    def beside(self, folder: Path) -> DataConfig:
        """The same with the paths of the stores taken from `folder` where they are relative."""
        train, valid, store = (p and beside(folder, p) for p in (self.train, self.valid, self.store))
        return dataclasses.replace(self, train=train, valid=valid, store=store)


@dataclass(frozen=True)
class ModelConfig(Config):
    """A network of `zhanr.lab.networks` by name, with its options."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OptimizerConfig(Config):
    """An optimiser of `zhanr.lab.training.optim` by name. Weight decay spares biases and normalisation layers."""

    name: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.lr <= 0:
            raise ConfigError(f"optimizer.lr must be positive, got {self.lr}")
        if self.weight_decay < 0:
            raise ConfigError(f"optimizer.weight_decay must not be negative, got {self.weight_decay}")


@dataclass(frozen=True)
class ScheduleConfig(Config):
    """A learning-rate schedule of `zhanr.lab.training.optim` by name, with its options."""

    name: str = "constant"
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DistillConfig(Config):
    """A teacher: an `.npz` with `names` and features of songs under `keys`; see `zhanr.lab.training.distill`.

    `weight` is that of the distance to the teacher beside the cross-entropy; it needs features of every training song.
    """

    path: str
    keys: tuple[str, ...]
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.keys or self.weight < 0:
            raise ConfigError("distill: give one or more keys, and a weight that is not negative")


@dataclass(frozen=True)
class TrainingConfig(Config):
    """How long and how it is trained.

    - `epochs` at most; fewer where `patience` (0: never) epochs bring nothing better on validation.
    - `crops`: random windows of each song in an epoch. `batch_size` of them make one step.
    - `label_smoothing`: the share of the target that is spread over all genres.
    - `clip_norm`: the largest norm of a gradient (0: any). `ema`: the decay of the running mean of the weights, which
      is then what is validated and kept (0: off).
    - `select`: the epoch that is kept is the one with the lowest song-level negative log-likelihood ("nll") on
      validation, or with the highest song-level accuracy (of several, the one with the lowest nll).
    - `device`: "auto" takes a GPU where there is one. `threads`: 0 leaves that to torch; a result is repeatable to the
      last bit on one kind of machine with one number of threads.
    - `precision`: "bfloat16" computes training steps in half the time on processors that know it; weights, validation
      and the model file are float32 in any case.
    """

    epochs: int = 100
    batch_size: int = 32
    crops: int = 1
    seed: int = 0
    label_smoothing: float = 0.0
    clip_norm: float = 0.0
    ema: float = 0.0
    patience: int = 0
    select: Literal["nll", "accuracy"] = "nll"
    aggregation: Aggregation = "mean_log_probability"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        least = {"epochs": 1, "batch_size": 2, "crops": 1, "seed": 0, "patience": 0, "threads": 0, "clip_norm": 0}
        for name, minimum in least.items():
            if getattr(self, name) < minimum:
                raise ConfigError(f"training.{name} must be at least {minimum}, got {getattr(self, name)}")
        for name in ("label_smoothing", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"training.{name} must be in [0, 1), got {getattr(self, name)}")


@dataclass(frozen=True)
class CardConfig(Config):
    """What the model file says of itself and can't be known from the data."""

    name: str = ""
    licence: str = "unspecified"
    description: str = ""


@dataclass(frozen=True)
class TrainConfig(Config):
    """One training run: its result is a function of this and of the content of the stores."""

    data: DataConfig
    model: ModelConfig
    windows: WindowConfig = field(default_factory=WindowConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    distill: DistillConfig | None = None
    training: TrainingConfig = field(default_factory=TrainingConfig)
    card: CardConfig = field(default_factory=CardConfig)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a TOML file. Paths in it are relative to it; what is wrong is a `ConfigError` that names the setting."""
        path = Path(path)
        values = read_toml(path)
        try:
            config = cls.from_dict(values, where="configuration")
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
        return dataclasses.replace(
            config,
            data=config.data.beside(path.parent),
            distill=config.distill
            and dataclasses.replace(config.distill, path=beside(path.parent, config.distill.path)),
            card=dataclasses.replace(config.card, name=config.card.name or path.stem),
        )


def beside(folder: Path, path: str) -> str:
    """A path as seen from `folder`."""
    return str(folder / Path(path).expanduser())
