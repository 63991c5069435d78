"""The seven taggers whose tags and embeddings the encoder learns, with normalisation folded into the convolutions.

Six lie in ``../shared/teachers`` as plain arrays (its README names origin and licence), the seventh is MSD_musicnn of
the PyPI wheel ``musicnn==0.1.0``. `check` holds the six against the outputs of their authors' own code.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from research.backbone import musicnn
from research.backbone.tf_checkpoint import read_checkpoint
from zhanr import features

Array = NDArray[Any]
State = dict[str, Tensor]
LONG_SECONDS = 29.0  # what the fully convolutional and the recurrent networks read
SHORT_SECONDS = 3.0  # what both musicnns read
RATE = 16_000  # of all but mn04
MN04_RATE = 32_000
TORCH_EPS, MN04_EPS = 1e-5, 1e-3


class Output(NamedTuple):
    """Of each piece: logits (n, n_classes) before the sigmoid, embedding (n, d) before the last layer."""

    logits: Tensor
    embedding: Tensor


def load_state(folder: Path, name: str) -> State:
    """The arrays of one teacher, by name."""
    with np.load(folder / f"{name}.npz") as arrays:
        return {key: torch.from_numpy(value) for key, value in arrays.items()}


def affine(state: State, name: str, eps: float = TORCH_EPS) -> tuple[Tensor, Tensor]:
    """Scale and shift of a batch normalisation."""
    scale = state[f"{name}.weight"] / torch.sqrt(state[f"{name}.running_var"] + eps)
    return scale, state[f"{name}.bias"] - state[f"{name}.running_mean"] * scale


def folded(state: State, conv: str, norm: str, eps: float = TORCH_EPS) -> tuple[Tensor, Tensor]:
    """Kernel and bias of a convolution or a linear layer with the normalisation after it."""
    scale, shift = affine(state, norm, eps)
    kernel = state[f"{conv}.weight"]
    bias = state.get(f"{conv}.bias", torch.zeros(len(kernel)))
    return kernel * scale.view(-1, *[1] * (kernel.dim() - 1)), bias * scale + shift


class LogMel:
    """Waveforms (n, samples) at 16 kHz to (n, 1, 96, frames): dB of 96 HTK bands, normalised as the state says."""

    def __init__(self, state: State) -> None:
        self.window = state["spec.spectrogram.window"]
        self.bank = state["spec.mel_scale.fb"].T.contiguous()
        scale, shift = affine(state, "spec_bn")
        self.scale, self.shift = float(scale), float(shift)

    def __call__(self, y: Tensor) -> Tensor:
        spectrum = torch.stft(y, 512, 256, 512, self.window, return_complex=True)
        power = spectrum.real**2 + spectrum.imag**2
        db = (self.bank @ power).clamp_min_(1e-10).log10_().mul_(10 * self.scale).add_(self.shift)
        return db.unsqueeze(1)


class Convolutions:
    """3 x 3 convolutions, each followed by max pooling and ReLU: the trunk of FCN-5 and of the CRNN."""

    def __init__(self, state: State, pools: tuple[tuple[int, int], ...]) -> None:
        self.layers = [(*folded(state, f"layer{i}.conv", f"layer{i}.bn"), pool) for i, pool in enumerate(pools, 1)]

    def __call__(self, x: Tensor) -> Tensor:
        for kernel, bias, pool in self.layers:
            x = functional.max_pool2d(functional.conv2d(x, kernel, bias, padding=1), pool).relu_()
        return x


class Fcn:
    """FCN-5 (Choi, Fazekas & Sandler 2016) as trained by Won et al. 2020; x (n, 1, 96, frames) of 29 s."""

    pools = ((2, 4), (2, 4), (2, 4), (3, 5), (4, 4))

    def __init__(self, state: State) -> None:
        self.state, self.trunk = state, Convolutions(state, self.pools)

    def __call__(self, x: Tensor) -> Output:
        embedding = self.trunk(x).flatten(1)
        return Output(functional.linear(embedding, self.state["dense.weight"], self.state["dense.bias"]), embedding)


class Crnn:
    """CRNN (Choi, Fazekas, Sandler & Cho 2017) as trained by Won et al. 2020; x (n, 1, 96, frames) of 29 s."""

    pools = ((2, 2), (3, 3), (4, 4), (4, 4))

    def __init__(self, state: State) -> None:
        self.state, self.trunk = state, Convolutions(state, self.pools)
        self.gru = nn.GRU(128, 32, 2, batch_first=True)
        self.gru.load_state_dict({k.removeprefix("layer5."): v for k, v in state.items() if k.startswith("layer5.")})

    def __call__(self, x: Tensor) -> Output:
        x = self.trunk(x)
        last = self.gru(x.squeeze(2).transpose(1, 2))[0][:, -1]
        logits = functional.linear(last, self.state["dense.weight"], self.state["dense.bias"])
        return Output(logits, torch.cat([x.mean((2, 3)), last], 1))


class JamendoMusicnn:
    """musicnn (Pons et al. 2018) as trained by Won et al. 2020 on MTG-Jamendo; x (n, 1, 96, frames) of 3 s."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.flat = [folded(state, f"layers.{i}.conv", f"layers.{i}.bn") for i in (0, 1)]
        self.long = [folded(state, f"layers.{i}.conv", f"layers.{i}.bn") for i in (2, 3, 4)]
        self.middle = [folded(state, f"layer{i}.conv", f"layer{i}.bn") for i in (1, 2, 3)]
        self.dense = folded(state, "dense1", "bn")

    def _residual(self, front: Tensor) -> list[Tensor]:
        """The three layers in the middle, each but the first added to the one before."""
        layers: list[Tensor] = []
        for kernel, bias in self.middle:
            z = layers[-1] if layers else front
            new = functional.conv1d(z, kernel, bias, padding=kernel.shape[2] // 2).relu_()
            layers.append(new + z if layers else new)
        return layers

    def __call__(self, x: Tensor) -> Output:
        parts = [functional.conv2d(x, k, b, padding=(0, 3)).amax(2).relu_() for k, b in self.flat]
        level = x.mean(2)
        parts += [functional.conv1d(level, k, b, padding=k.shape[2] // 2).relu_() for k, b in self.long]
        front = torch.cat(parts, 1)
        one, two, three = self._residual(front)
        layers = torch.cat([front, one, two, three], 1)
        pooled = torch.cat([layers.amax(2), layers.mean(2)], 1)
        embedding = functional.linear(pooled, *self.dense).relu_()
        return Output(functional.linear(embedding, self.state["dense2.weight"], self.state["dense2.bias"]), embedding)


class MsdMusicnn:
    """MSD_musicnn (Pons & Serra 2019) whole: waveforms (n, samples) of 3 s at 16 kHz to its 50 tags."""

    def __init__(self, folder: Path) -> None:
        variables = read_checkpoint(folder / ".index", folder / ".data-00000-of-00001")
        self.network = musicnn.Musicnn(variables)
        front = [musicnn._parts(variables, i) for i in range(5)]
        norms = [np.linalg.norm(kernel, axis=(1, 2)) for kernel, *_ in front]
        self.live = torch.tensor(np.concatenate([n > musicnn.LIVE_NORM for n in norms]))
        self.silent = torch.tensor(np.concatenate([np.maximum(b, 0) * s + t for _, b, s, t in front]))
        first, second = musicnn._norm(variables, 9), musicnn._norm(variables, 10)
        self.norms = [tuple(torch.tensor(part) for part in norm) for norm in (first, second)]
        self.dense = [
            (torch.tensor(variables[f"{name}/kernel"].T.copy()), torch.tensor(variables[f"{name}/bias"]))
            for name in ("dense", "dense_1")
        ]
        self.bank = torch.tensor(
            features.mel_filter_bank(sample_rate=RATE, n_fft=512, n_mels=96, fmin=0.0, fmax=RATE / 2)
        )

    def __call__(self, y: Tensor) -> Output:
        spectrum = torch.stft(y, 512, 256, 512, torch.hann_window(512), pad_mode="constant", return_complex=True)
        power = spectrum.real**2 + spectrum.imag**2
        layers = self.network(torch.log10(1 + 10_000 * (self.bank @ power)).transpose(1, 2))
        pooled = torch.stack([self._whole(layers.amax(2)), self._whole(layers.mean(2))], dim=2).flatten(1)
        scale, shift = self.norms[0]
        hidden = functional.linear(pooled * scale + shift, *self.dense[0]).relu_()
        scale, shift = self.norms[1]
        embedding = hidden * scale + shift
        return Output(functional.linear(embedding, *self.dense[1]), embedding)

    def _whole(self, pooled: Tensor) -> Tensor:
        """Pooled live channels (n, 254) with the silent ones' constants among them, (n, 753)."""
        front = self.silent.repeat(len(pooled), 1)
        front[:, self.live] = pooled[:, : int(self.live.sum())]
        return torch.cat([front, pooled[:, int(self.live.sum()) :]], dim=1)


# Kernel, squeeze-and-excitation, hard-swish, stride of mn04's fifteen inverted residuals.
BLOCKS = (
    (3, 0, 0, 1), (3, 0, 0, 2), (3, 0, 0, 1), (5, 1, 0, 2), (5, 1, 0, 1), (5, 1, 0, 1), (3, 0, 1, 2), (3, 0, 1, 1),
    (3, 0, 1, 1), (3, 0, 1, 1), (3, 1, 1, 1), (3, 1, 1, 1), (5, 1, 1, 2), (5, 1, 1, 1), (5, 1, 1, 1),
)  # fmt: skip


class Mn04:
    """mn04_as (Schmid, Koutini & Widmer 2023), a MobileNetV3 on AudioSet: waveforms (n, samples) at 32 kHz."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.bank = torch.from_numpy(kaldi_mel(128, 1024, MN04_RATE, 0.0, 15_000.0))

    def log_mel(self, y: Tensor) -> Tensor:
        """(n, samples) to (n, 1, 128, frames): pre-emphasis, 800-sample Hann in a 1024-point STFT, hop 320."""
        y = y[:, 1:] - 0.97 * y[:, :-1]
        window = torch.hann_window(800, periodic=False)
        spectrum = torch.stft(y, 1024, 320, 800, window, return_complex=True)
        power = spectrum.real**2 + spectrum.imag**2
        return ((self.bank @ power).add_(1e-5).log_().add_(4.5) / 5).unsqueeze(1)

    def __call__(self, y: Tensor) -> Output:
        x = self._conv(self.log_mel(y), "features.0", functional.hardswish, 2)
        for number, block in enumerate(BLOCKS, 1):
            x = self._block(x, number, *block[1:])
        x = self._conv(x, "features.16", functional.hardswish)
        embedding = x.mean((2, 3))
        state = self.state
        z = functional.linear(embedding, state["classifier.2.weight"], state["classifier.2.bias"])
        logits = functional.linear(functional.hardswish(z), state["classifier.5.weight"], state["classifier.5.bias"])
        return Output(logits, embedding)

    def _block(self, x: Tensor, number: int, squeeze: int, hard: int, stride: int) -> Tensor:
        act = functional.hardswish if hard else functional.relu
        name, before, part = f"features.{number}.block", x, 0
        if number > 1:  # the first one does not expand
            x, part = self._conv(x, f"{name}.0", act), 1
        x = self._conv(x, f"{name}.{part}", act, stride, depthwise=True)
        if squeeze:
            part += 1
            x = self._excite(x, f"{name}.{part}.conc_se_layers.0")
        x = self._conv(x, f"{name}.{part + 1}", None)
        return x + before if stride == 1 and x.shape[1] == before.shape[1] else x

    def _conv(
        self, x: Tensor, name: str, act: Callable[[Tensor], Tensor] | None, stride: int = 1, *, depthwise: bool = False
    ) -> Tensor:
        kernel, bias = folded(self.state, f"{name}.0", f"{name}.1", MN04_EPS)
        groups = len(kernel) if depthwise else 1
        x = functional.conv2d(x, kernel, bias, stride, kernel.shape[2] // 2, groups=groups)
        return x if act is None else act(x)

    def _excite(self, x: Tensor, name: str) -> Tensor:
        state = self.state
        z = functional.linear(x.mean((2, 3)), state[f"{name}.fc1.weight"], state[f"{name}.fc1.bias"]).relu_()
        z = functional.linear(z, state[f"{name}.fc2.weight"], state[f"{name}.fc2.bias"])
        return x * torch.sigmoid(z)[:, :, None, None]


def kaldi_mel(n_mels: int, n_fft: int, rate: int, low: float, high: float) -> Array:
    """Triangles of equal width in mel = 1127 ln(1 + f / 700), (n_mels, n_fft // 2 + 1) float32."""

    def mel(f: Any) -> Array:
        return np.asarray(1127 * np.log(1 + np.asarray(f) / 700.0))

    step = (mel(high) - mel(low)) / (n_mels + 1)
    left = mel(low) + np.arange(n_mels)[:, None] * step
    f = mel(rate / n_fft * np.arange(n_fft // 2))[None]
    rows = np.maximum(0, np.minimum((f - left) / step, (left + 2 * step - f) / step))
    return np.pad(rows, ((0, 0), (0, 1))).astype(np.float32)


class Teachers:
    """All seven at once, on 30 s of one recording."""

    LONG = ("msd_fcn", "msd_crnn", "jamendo_fcn", "jamendo_crnn")
    SHORT = ("jamendo_musicnn", "msd_musicnn")
    NAMES = (*LONG, *SHORT, "mn04_as")

    def __init__(self, folder: Path, wheel: Path) -> None:
        states = {name: load_state(folder, name) for name in (*self.LONG, "jamendo_musicnn", "mn04_as")}
        makers: dict[str, Callable[[State], Any]] = {
            "msd_fcn": Fcn,
            "msd_crnn": Crnn,
            "jamendo_fcn": Fcn,
            "jamendo_crnn": Crnn,
            "jamendo_musicnn": JamendoMusicnn,
            "mn04_as": Mn04,
        }
        self.networks = {name: makers[name](state) for name, state in states.items()}
        self.mels = {name: LogMel(state) for name, state in states.items() if name != "mn04_as"}
        self.msd_musicnn = MsdMusicnn(wheel)

    @torch.inference_mode()
    def __call__(self, low: Array, high: Array, short: Array) -> dict[str, Output]:
        """`low` (n,) at 16 kHz and `high` (2 n,) at 32 kHz, up to 30 s, to the outputs of each teacher's pieces.

        The four that read 29 s give one piece, what is shorter is repeated; the musicnns one for each row of `short`
        (m, 48000), 3 s at 16 kHz; mn04 one for each 10 s.
        """
        long = torch.from_numpy(pieces(low, int(LONG_SECONDS * RATE))[:1])
        shorts = torch.from_numpy(np.ascontiguousarray(short, np.float32))
        out = {name: self.networks[name](self.mels[name](long)) for name in self.LONG}
        out["jamendo_musicnn"] = self.networks["jamendo_musicnn"](self.mels["jamendo_musicnn"](shorts))
        out["msd_musicnn"] = self.msd_musicnn(shorts)
        out["mn04_as"] = self.networks["mn04_as"](torch.from_numpy(pieces(high, 10 * MN04_RATE)))
        return out


def pieces(y: Array, size: int) -> Array:
    """(n_samples,) to (n, size) side by side; what is left at the end is left out, what is shorter is repeated."""
    if len(y) < size:
        y = np.tile(y, size // len(y) + 1)[:size]
    n = len(y) // size
    return np.ascontiguousarray(y[: n * size].reshape(n, size), dtype=np.float32)


def check(folder: Path, teachers: Teachers) -> dict[str, float]:
    """The largest error of each of the six against the outputs of their authors' own code."""
    golden = np.load(folder / "golden.npz")
    low, high = golden["y16000"].astype(np.float32), golden["y32000"].astype(np.float32)
    out = teachers(low, high, pieces(low, int(SHORT_SECONDS * RATE)))
    return {
        name: float(np.abs(out[name].logits.numpy() - golden[name][: len(out[name].logits)]).max())
        for name in Teachers.NAMES
        if name in golden
    }
