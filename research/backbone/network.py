"""The genre network: a distilled musicnn and classic frame features, statistics over time, a radial-basis head.

Works on log-mel spectrograms of 128 Slaney bands to 11,025 Hz, 77.5 ms apart, scaled to 0..1 over the 80 dB below the
loudest bin.  The tower starts from the live filters of MSD_musicnn (Pons & Serra 2019, ISC licence), resampled from
16 ms to 77.5 ms frames, and is distilled on real audio so that its features match those of the parent.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from zhanr.lab.networks.base import GenreModel

N_MELS = 128
TOWER_MELS = 96
N_GENRES = 10
EMBEDDING_SIZE = 40
# (filters, bands, frames) of the live front-end kernels of MSD_musicnn: two timbral, three temporal.
MSD_SIZES = ((22, 38, 3), (14, 67, 3), (3, 1, 29), (6, 1, 15), (17, 1, 9))
MODULATIONS_HZ = (0.5, 0.8, 1.2, 1.7, 2.3, 3.0, 4.0, 5.2)
MODULATION_BANDS = 24
MODULATION_REACH = 12  # frames of a kernel on either side
FRAME_SECONDS = 0.0775
EPS = 1e-5


class Filters(nn.Module):
    """Convolution over time, ReLU, scale and shift, maximum over positions of the kernel on the mel axis.

    (n, bands, time) -> (n, filters, time).
    """

    index: Tensor

    def __init__(self, filters: int, bands: int, frames: int, n_mels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(bands, filters, frames, padding=frames // 2)
        self.scale = nn.Parameter(torch.ones(filters, 1))
        self.shift = nn.Parameter(torch.zeros(filters, 1))
        positions = torch.arange(n_mels - bands + 1)
        self.register_buffer("index", positions[:, None] + torch.arange(bands), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, bands, time) to (n, filters, time)."""
        positions, bands = self.index.shape
        patches = x[:, self.index].reshape(-1, bands, x.shape[2])
        out = torch.relu(self.conv(patches)) * self.scale + self.shift
        return out.reshape(-1, positions, out.shape[1], out.shape[2]).amax(dim=1)


class Tower(nn.Module):
    """MSD_musicnn on our grid: (n, 128, time) in 0..1 -> (n, 254, time).

    Beside the parent's own layers runs a small 2-D network whose outputs correct every one of them: what 16 ms frames
    show directly must be inferred here from the picture.
    """

    channels = sum(size[0] for size in MSD_SIZES) + 3 * 64

    def __init__(self, hidden: int = 96, detail: int = 96) -> None:
        super().__init__()
        n_front = sum(size[0] for size in MSD_SIZES)
        self.mel = nn.Conv1d(N_MELS, TOWER_MELS, 1)
        self.gain = nn.Parameter(torch.ones(()))
        self.offset = nn.Parameter(torch.zeros(()))
        self.front = nn.ModuleList([Filters(*size, TOWER_MELS) for size in MSD_SIZES])
        self.middle = nn.ModuleList([Filters(64, width, 3, width) for width in (n_front + 1, 64, 64)])
        self.picture = picture_net(detail)
        self.helpers = nn.ModuleList(
            [norm_relu(width, hidden) for width in (n_front + detail, hidden + 64, hidden + 64)]
        )
        self.front_correction = nn.Conv1d(detail, n_front, 1)
        self.corrections = nn.ModuleList([nn.Conv1d(hidden, 64, 1) for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, 128, time) in 0..1 to the front and the three middle layers, (n, 254, time)."""
        compressed = functional.softplus(self.mel(x)) * self.gain + self.offset  # the parent's log(1 + 10000 S)
        front = torch.cat([block(compressed) for block in self.front], dim=1)
        detail = self.picture(x[:, None] * 2 - 1)
        constant = torch.ones_like(front[:, :1])  # carries what the parent's silenced filters added
        helper = self.helpers[0](torch.cat([front, detail], dim=1))
        layer = self.middle[0](torch.cat([front, constant], dim=1)) + self.corrections[0](helper)
        layers = [front + self.front_correction(detail), layer]
        for i in (1, 2):
            helper = helper + self.helpers[i](torch.cat([helper, layer], dim=1))
            layer = layer + self.middle[i](layer) + self.corrections[i](helper)
            layers.append(layer)
        return torch.cat(layers, dim=1)


def picture_net(n_out: int, channels: Sequence[int] = (12, 24, 32)) -> nn.Sequential:
    """(n, 1, 128, time) -> (n, n_out, time): 3 x 3 convolutions that halve the mel axis, then all bands at once."""
    layers: list[nn.Module] = []
    for n_in, n_next in zip((1, *channels[:-1]), channels, strict=True):
        layers += [nn.Conv2d(n_in, n_next, 3, stride=(2, 1), padding=1), nn.BatchNorm2d(n_next), nn.ReLU()]
    bands = N_MELS >> len(channels)
    return nn.Sequential(*layers, nn.Flatten(1, 2), norm_relu(channels[-1] * bands, n_out, 1))


def norm_relu(n_in: int, n_out: int, frames: int = 3) -> nn.Sequential:
    """Convolution over time, batch normalisation, ReLU: (n, n_in, time) -> (n, n_out, time)."""
    return nn.Sequential(nn.Conv1d(n_in, n_out, frames, padding=frames // 2), nn.BatchNorm1d(n_out), nn.ReLU())


class ClassicFrames(nn.Module):
    """Hand-made features of every frame: level, change in time, relief in frequency, modulation energy per band."""

    channels = 3 * N_MELS - 2 + MODULATION_BANDS * len(MODULATIONS_HZ)
    kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernels", modulation_kernels(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, 128, time) to (n, channels, time)."""
        change = (functional.pad(x, (1, 0), mode="replicate")[:, :, :-1] - x).abs()
        relief = (x[:, 2:] - 2 * x[:, 1:-1] + x[:, :-2]).abs()
        return torch.cat([x, change, relief, self.modulation(x)], dim=1)

    def modulation(self, x: Tensor) -> Tensor:
        """Amplitude of slow modulations of 24 bands, (n, 128, time) -> (n, 24 * frequencies, time)."""
        n, _, time = x.shape
        bands = x[:, : MODULATION_BANDS * 5].reshape(n * MODULATION_BANDS, 5, time).mean(dim=1, keepdim=True)
        padded = functional.pad(bands, (MODULATION_REACH, MODULATION_REACH), mode="replicate")
        waves = functional.conv1d(padded, self.kernels)
        real, imaginary = waves.chunk(2, dim=1)
        return (real**2 + imaginary**2 + EPS).sqrt().reshape(n, -1, time)


def modulation_kernels() -> Tensor:
    """Complex Gabor kernels with zero mean, (2 * frequencies, 1, taps): real parts, then imaginary ones."""
    rows = []
    time = torch.arange(-MODULATION_REACH, MODULATION_REACH + 1) * FRAME_SECONDS
    for wave in (torch.cos, torch.sin):
        for frequency in MODULATIONS_HZ:
            window = (
                torch.exp(-0.5 * (time * frequency / 0.8).clamp(-30, 30) ** 2)
                * torch.hann_window(2 * MODULATION_REACH + 3, periodic=False)[1:-1]
            )
            kernel = wave(2 * torch.pi * frequency * time) * window
            kernel = kernel - window * kernel.sum() / window.sum()
            rows.append(kernel / window.sum())
    return torch.stack(rows)[:, None]


def statistics(frames: Tensor) -> Tensor:
    """Mean and standard deviation over time: (n, channels, time) -> (n, 2 * channels), for any duration alike."""
    mean = frames.mean(dim=2)
    variance = (frames - mean[:, :, None]).pow(2).mean(dim=2)
    return torch.cat([mean, (variance + EPS).sqrt()], dim=1)


class RadialHead(nn.Module):
    """Radial-basis network: Gaussian likeness to stored centres, then one linear layer.

    statistics (n, features) -> logits (n, 10), embedding (n, 40). The statistics are standardised and their blocks
    scaled so that squared distances are the exponents of the Gaussians, and each is held within the middle of what it
    was in training, `low` to `high`, so that no few of them decide. The embedding holds the principal axes of all that
    they are, whitened within the genres: cosine for likeness of two recordings, squared distance to the genres' means,
    `prototypes` (10, 40), for the unknown-music gate.
    """

    mean: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor
    centres: Tensor
    prototypes: Tensor

    def __init__(self, n_features: int, n_centres: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))
        self.register_buffer("low", torch.full((n_features,), -1.0))
        self.register_buffer("high", torch.ones(n_features))
        self.register_buffer("centres", torch.zeros(n_centres, n_features))
        self.register_buffer("prototypes", torch.zeros(N_GENRES, EMBEDDING_SIZE), persistent=False)
        self.linear = nn.Linear(n_centres, N_GENRES)
        self.projection = nn.Linear(n_features, EMBEDDING_SIZE)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map (n, features) to logits (n, 10) and embedding (n, 40)."""
        standard = (features - self.mean) * self.scale
        held = torch.minimum(torch.maximum(standard, self.low), self.high)
        logits: Tensor = self.linear(torch.exp(-squared_distances(held, self.centres)))
        embedding: Tensor = self.projection(standard)
        return logits, embedding


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """(n, d), (m, d) -> (n, m)."""
    return ((a**2).sum(dim=1)[:, None] + (b**2).sum(dim=1) - 2 * a @ b.T).clamp_min(0)


class Backbone(GenreModel):
    """(n, 128, time) in 0..1 -> logits (n, 10), embedding (n, 40); any time from about 26 frames (2 s)."""

    embedding_size = EMBEDDING_SIZE

    def __init__(self, n_centres: int) -> None:
        super().__init__()
        self.tower = Tower()
        self.classic = ClassicFrames()
        self.head = RadialHead(2 * (self.tower.channels + self.classic.channels), n_centres)

    def features(self, x: Tensor) -> Tensor:
        """Mean and standard deviation over time of all frame features, (n, 1656)."""
        return statistics(torch.cat([self.tower(x), self.classic(x)], dim=1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map pictures (n, 128, time) to logits (n, 10) and embedding (n, 40)."""
        logits, embedding = self.head(self.features(x))
        return logits, embedding
