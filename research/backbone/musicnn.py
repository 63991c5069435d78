"""The front and middle of MSD_musicnn (Pons & Serra 2019) in torch, with the weights of the PyPI wheel (ISC licence).

Input: log10(1 + 10000 S) of a 96-band Slaney mel power spectrogram (16 kHz, n_fft 512, hop 256), shape (n, time, 96).
Weight decay has silenced most filters of the published network: 62 of 561 front-end kernels have a norm above 0.01.
Only these are kept; what the others add is a constant, carried by one extra input of the first middle layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from research.backbone.tf_checkpoint import read_checkpoint

BN_EPS = 1e-3  # TensorFlow's default
LIVE_NORM = 1e-2
SAMPLE_RATE, N_FFT, HOP, N_MELS = 16_000, 512, 256, 96
FRAME_SECONDS = HOP / SAMPLE_RATE

Array = NDArray[Any]
Variables = dict[str, Array]


class Block(nn.Module):
    """Convolution, ReLU, then batch normalisation folded into scale and shift: in this order, as musicnn has it.

    kernel (filters, bands, frames); x (n, bands, time) -> (n, filters, time), padded in time as TensorFlow's "same".
    """

    def __init__(self, kernel: Array, bias: Array, scale: Array, shift: Array) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.tensor(kernel))
        self.bias = nn.Parameter(torch.tensor(bias))
        self.scale = nn.Parameter(torch.tensor(scale)[:, None])
        self.shift = nn.Parameter(torch.tensor(shift)[:, None])

    @property
    def centre(self) -> int:
        """Index of the kernel's frame that lies on the output frame."""
        return (self.kernel.shape[2] - 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, bands, time) to (n, filters, time)."""
        padded = functional.pad(x, (self.centre, self.kernel.shape[2] - 1 - self.centre))
        return torch.relu(functional.conv1d(padded, self.kernel, self.bias)) * self.scale + self.shift

    def over_bands(self, x: Tensor) -> Tensor:
        """Maximum over every position of the kernel on the mel axis, (n, 96, time) -> (n, filters, time)."""
        bands = self.kernel.shape[1]
        patches = x.unfold(1, bands, 1).transpose(2, 3)  # (n, positions, bands, time)
        return self(patches.flatten(0, 1)).unflatten(0, patches.shape[:2]).amax(dim=1)


class Musicnn(nn.Module):
    """(n, time, 96) -> (n, 254, time): 62 live front-end filters and three middle layers of 64."""

    def __init__(self, variables: Variables) -> None:
        super().__init__()
        scale, shift = _norm(variables, 0)
        self.input_scale, self.input_shift = float(scale[0]), float(shift[0])
        front = [_parts(variables, i) for i in range(5)]
        live = [np.linalg.norm(kernel, axis=(1, 2)) > LIVE_NORM for kernel, *_ in front]
        silent = [
            (np.maximum(bias, 0) * scale + shift)[~keep]
            for (_, bias, scale, shift), keep in zip(front, live, strict=True)
        ]
        kept = [Block(*(part[keep] for part in parts)) for parts, keep in zip(front, live, strict=True)]
        first, second, third = (Block(*_parts(variables, i)) for i in (5, 6, 7))
        first.kernel = nn.Parameter(_fold(first.kernel, np.concatenate(live), np.concatenate(silent)))
        self.front: Iterable[Block] = nn.ModuleList(kept)  # type: ignore[assignment]
        self.middle: Sequence[Block] = nn.ModuleList([first, second, third])  # type: ignore[assignment]
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, time, 96) to the front and the three middle layers, (n, 254, time)."""
        x = x.transpose(1, 2) * self.input_scale + self.input_shift
        front = torch.cat([block.over_bands(x) for block in self.front], dim=1)
        first = self.middle[0](torch.cat([front, torch.ones_like(front[:, :1])], dim=1))
        second = first + self.middle[1](first)
        third = second + self.middle[2](second)
        return torch.cat([front, first, second, third], dim=1)


def load_musicnn(folder: Path) -> Musicnn:
    """Read ``musicnn/MSD_musicnn`` as unpacked from the wheel."""
    return Musicnn(read_checkpoint(folder / ".index", folder / ".data-00000-of-00001"))


def _fold(kernel: Tensor, live: Array, silent: Array) -> Tensor:
    """Keep the live inputs of a kernel (filters, inputs, frames) and add one that stands for the silent constants."""
    keep = torch.tensor(live)
    constant = (kernel[:, ~keep] * torch.tensor(silent)[:, None]).sum(dim=1, keepdim=True)
    return torch.cat([kernel[:, keep], constant], dim=1).detach()


def _parts(variables: Variables, index: int) -> tuple[Array, Array, Array, Array]:
    """Kernel (filters, bands, frames), bias, scale and shift of one convolution and the normalisation after it."""
    name = "conv2d" + (f"_{index}" if index else "")
    kernel = variables[f"{name}/kernel"][:, :, 0].transpose(2, 1, 0)  # from (frames, bands, 1, filters)
    return (np.ascontiguousarray(kernel), variables[f"{name}/bias"], *_norm(variables, index + 1))


def _norm(variables: Variables, index: int) -> tuple[Array, Array]:
    """Scale and shift of one batch normalisation."""
    prefix = "batch_normalization" + (f"_{index}" if index else "")
    gamma, beta, mean, variance = (
        variables[f"{prefix}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance + BN_EPS)
    return scale, beta - mean * scale
