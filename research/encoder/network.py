"""The encoder: mn04's network on our pictures, wider in its late blocks, with richer pooling and a neck.

It starts as mn04 does: the further channels of a widened block start with nothing to say (Chen et al. 2016, "Net2Net"),
and so do the blocks that were put in.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from research.encoder.picture import N_MELS, PICTURE
from research.encoder.targets import N_TARGETS
from research.encoder.teachers import BLOCKS, MN04_EPS, State, load_state
from zhanr import features
from zhanr.lab.training.export import OPSET

# Channels into the first block, then expanded and out of each of the fifteen, as mn04 has them.
STEM = 8
CHANNELS = (
    (8, 8), (24, 16), (32, 16), (32, 16), (48, 16), (48, 16), (96, 32), (80, 32), (72, 32), (72, 32), (192, 48),
    (272, 48), (272, 64), (384, 64), (384, 64),
)  # fmt: skip
LAST = 384
WIDENED_FROM = 7  # blocks from this one on are widened
PARENT_PREEMPHASIS, PARENT_RATE = 0.97, 32_000
# mn04 reads (ln(power) + 4.5) / 5. Ours is relative to the window's own mean, so that level says nothing; the mean of
# what mn04 reads of music is put back.
NATS_PER_UNIT, MEAN_OF_MUSIC = 5.0, 0.25


class Conv(nn.Sequential):
    """Convolution, batch normalisation and, where one is given, a non-linearity."""

    def __init__(self, n_in: int, n_out: int, size: int, stride: int | tuple[int, int], groups: int, act: str) -> None:
        acts: dict[str, list[nn.Module]] = {"none": [], "relu": [nn.ReLU(True)], "hard": [nn.Hardswish(True)]}
        super().__init__(
            nn.Conv2d(n_in, n_out, size, stride, size // 2, groups=groups, bias=False),
            nn.BatchNorm2d(n_out, MN04_EPS, 0.03),
            *acts[act],
        )


class Excite(nn.Module):
    """Squeeze-and-excitation over both axes (Hu et al. 2018)."""

    def __init__(self, n: int, squeezed: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(n, squeezed), nn.Linear(squeezed, n)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, bands, frames), same shape."""
        z = torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3))))))
        return x * z[:, :, None, None]


class Block(nn.Module):
    """Inverted residual (Howard et al. 2019, MobileNetV3)."""

    def __init__(self, n_in: int, inner: int, n_out: int, kind: tuple[int, int, int, int], squeezed: int) -> None:
        super().__init__()
        size, squeeze, hard, stride = kind
        act = "hard" if hard else "relu"
        self.expand = Conv(n_in, inner, 1, 1, 1, act) if inner != n_in else nn.Identity()
        self.spatial = Conv(inner, inner, size, stride, inner, act)
        self.excite = Excite(inner, squeezed) if squeeze else nn.Identity()
        self.project = Conv(inner, n_out, 1, 1, 1, "none")
        self.residual = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        """(n, n_in, bands, frames) to (n, n_out, ...)."""
        y: Tensor = self.project(self.excite(self.spatial(self.expand(x))))
        return x + y if self.residual else y


class Encoder(nn.Module):
    """x (n, 103, frames) of values 0..1 at 20 ms to an embedding (n, size)."""

    def __init__(self, size: int = 640, widen: float = 2.0, last: int = 768) -> None:
        super().__init__()
        self.size = size
        self.tilt: Tensor
        self.register_buffer("tilt", torch.tensor(preemphasis()))
        self.stem = Conv(1, STEM, 3, (2, 1), 1, "hard")
        blocks, n_in = [], STEM
        for number, (kind, (inner, n_out)) in enumerate(zip(BLOCKS, CHANNELS, strict=True), 1):
            wide = round(inner * widen / 8) * 8 if number >= WIDENED_FROM else inner
            blocks.append(Block(n_in, wide, n_out, kind, _squeezed(inner)))
            n_in = n_out
        self.blocks = nn.ModuleList(blocks)
        self.last = Conv(n_in, last, 1, 1, 1, "hard")
        pooled = 2 * last + 2 * 16 * 13 + 2 * 32 * 7 + 2 * 48
        self.norm = nn.BatchNorm1d(pooled, momentum=0.03)
        self.neck = nn.Linear(pooled, size)

    def forward(self, x: Tensor) -> Tensor:
        """Embed windows."""
        return functional.hardswish(self.neck(self.norm(self.pool(x))))

    def pool(self, x: Tensor) -> Tensor:
        """Mean and deviation over time, of the last stage and of earlier ones, (n, pooled)."""
        db = x * float(PICTURE.top_db or 0) + self.tilt
        level = db.mean((1, 2), keepdim=True)
        x = ((db - level) * (np.log(10) / 10 / NATS_PER_UNIT) + MEAN_OF_MUSIC).unsqueeze(1)
        x = self.stem(x)
        parts = []
        for number, block in enumerate(self.blocks, 1):
            x = block(x)
            if number in (6, 10):
                parts += _statistics(x.flatten(1, 2))
            elif number == 12:
                parts += _statistics(x.mean(2))
        x = self.last(x).mean(2)
        return torch.cat([*_statistics(x), *parts], 1)


class Standard(nn.Module):
    """Mean and deviation of each of the teachers' numbers, (1582,) each."""

    def __init__(self) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(N_TARGETS))
        self.register_buffer("deviation", torch.ones(N_TARGETS))


class Student(nn.Module):
    """The encoder with one layer more, which tells the teachers' numbers as `target` standardises them."""

    def __init__(self, size: int = 640, widen: float = 2.0, last: int = 768) -> None:
        super().__init__()
        self.encoder = Encoder(size, widen, last)
        self.out = nn.Linear(size, N_TARGETS)
        self.target = Standard()
        nn.init.normal_(self.out.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """x (n, 103, frames) of values 0..1 to (n, 1582)."""
        told: Tensor = self.out(self.encoder(x))
        return told

    @classmethod
    def load(cls, path: Path) -> Self:
        """From the file that `save` writes, ready to be used; the widths are those of the arrays."""
        state = load_file(path)
        widened = len(state[f"encoder.blocks.{len(CHANNELS) - 1}.spatial.0.weight"])
        student = cls(state["out.weight"].shape[1], widened / CHANNELS[-1][0], len(state["encoder.last.0.weight"]))
        student.load_state_dict({name: _as(torch.float32, values) for name, values in state.items()})
        return student.eval()

    def save(self, path: Path, metadata: dict[str, str]) -> None:
        """Write the weights in half precision: what is lost changes no answer, and the file is half as large."""
        state = {name: _as(torch.float16, values).contiguous() for name, values in self.state_dict().items()}
        save_file(state, path, metadata)


def to_onnx(network: nn.Module, outputs: Sequence[str]) -> bytes:
    """The graph of a network that reads windows x (n, 103, frames), for any number of them and any width."""
    buffer, axes = io.BytesIO(), {name: {0: "n"} for name in outputs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter that is to be replaced, and of constants that it folds
        torch.onnx.export(
            network.eval(),
            (torch.rand(2, N_MELS, 500, generator=torch.Generator().manual_seed(0)),),
            buffer,  # type: ignore[arg-type]  # documented: a file object, and annotated as a path
            dynamo=False,
            opset_version=OPSET,
            input_names=("x",),
            output_names=tuple(outputs),
            dynamic_axes={"x": {0: "n", 2: "frames"}} | axes,
        )
    return buffer.getvalue()


def _as(kind: torch.dtype, values: Tensor) -> Tensor:
    return values.to(kind) if values.is_floating_point() else values


def _statistics(x: Tensor) -> list[Tensor]:
    """(n, channels, frames) to mean and deviation over time."""
    mean = x.mean(2)
    variance = (x - mean[:, :, None]).square().mean(2)
    return [mean, torch.sqrt(variance + 1e-4)]


def _squeezed(inner: int) -> int:
    return max(8, int(inner / 4 + 4) // 8 * 8)


def preemphasis() -> np.ndarray:
    """What mn04's pre-emphasis does to each of our bands, in decibels, (103, 1) float32."""
    edges = np.linspace(0, float(features.hz_to_mel(PICTURE.fmax)), N_MELS + 2)
    centres = features.mel_to_hz(edges[1:-1])
    response = np.abs(1 - PARENT_PREEMPHASIS * np.exp(-2j * np.pi * centres / PARENT_RATE))
    return (20 * np.log10(response)).astype(np.float32)[:, None]


def from_parent(encoder: Encoder, folder: Path) -> None:
    """Put mn04's weights where they belong; what is new keeps its own, at half of its strength."""
    state = load_state(folder, "mn04_as")
    _copy(encoder.stem, state, "features.0")
    for number, block in enumerate(encoder.blocks, 1):
        name, part = f"features.{number}.block", 0
        assert isinstance(block, Block)
        if not isinstance(block.expand, nn.Identity):
            _copy(block.expand, state, f"{name}.0")
            part = 1
        _copy(block.spatial, state, f"{name}.{part}")
        if isinstance(block.excite, Excite):
            part += 1
            for layer in ("fc1", "fc2"):
                for key in ("weight", "bias"):
                    _put(
                        getattr(getattr(block.excite, layer), key),
                        state[f"{name}.{part}.conc_se_layers.0.{layer}.{key}"],
                    )
        with torch.no_grad():
            getattr(block.project[0], "weight").mul_(0.5)  # noqa: B009 - a child's weight is a tensor or a module to mypy
        _copy(block.project, state, f"{name}.{part + 1}")
    _copy(encoder.last, state, "features.16")


def _copy(conv: nn.Module, state: State, name: str) -> None:
    assert isinstance(conv, Conv)
    convolution = conv[0]
    assert isinstance(convolution, nn.Conv2d)
    _put(convolution.weight, state[f"{name}.0.weight"])
    for key in ("weight", "bias", "running_mean", "running_var"):
        _put(getattr(conv[1], key), state[f"{name}.1.{key}"])


@torch.no_grad()
def _put(target: Tensor, values: Tensor) -> None:
    """Copy into the first places of every axis."""
    target[tuple(slice(0, n) for n in values.shape)].copy_(values)
