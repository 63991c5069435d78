"""Stage 3: the encoder learns to say what the teachers say.

    python -m research.encoder.train --shards shards --teachers ../shared/teachers --out run

The run can be stopped and goes on from `run/last.pt` when the command is given again, with the very numbers that it
would have had. `run/encoder.safetensors` is what the next stages read: the running mean of the weights. One step takes
two seconds of one core, and the memory is that of the shards and 2 GB.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from research.encoder import batches, cache
from research.encoder.cache import Corpus
from research.encoder.network import Student, from_parent
from research.encoder.targets import EMBEDDING_COLUMNS, N_TAGS, N_TARGETS, TAG_COLUMNS, class_names, genre_columns
from zhanr.files import replacing

MN04_TAGS = 0.7  # the weight of AudioSet's tags beside those of the other teachers
GENRE_TAGS = 3.0  # the weight of a tag that speaks for a genre beside other tags
SILENT = 0.1  # of the median deviation; what moves less before a teacher's last layer says nothing
PARENT_RATE = 0.6  # what comes from mn04 learns so much more slowly
CLIP = 2.0  # norm of the gradient
WARM_UP = 150  # steps
SAVE_EVERY, REPORT_EVERY = 200, 50  # steps
MOST_HELD_OUT = 260  # pieces that a report looks at


@dataclass(frozen=True)
class Settings:
    """How long and how fast it learns, and the widths of the network."""

    steps: int = 4_600
    rate: float = 1.5e-3  # the highest, of AdamW; it falls with a cosine
    seed: int = 0
    crops: tuple[tuple[int, int, float], ...] = ((160, 32, 0.35), (250, 32, 0.3), (500, 24, 0.35))
    """Frames (20 ms) of a batch's crops, how many there are, and how often a batch is like that."""
    size: int = 640
    widen: float = 2.0
    last: int = 768


class Run:
    """A student that learns, the running mean of its weights, its optimiser, and how far it is."""

    def __init__(self, settings: Settings) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.step = settings, 0
        self.student = Student(settings.size, settings.widen, settings.last)
        self.student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs don't have it
        self.mean = copy.deepcopy(self.student).eval()
        parent = ("encoder.stem", "encoder.blocks", "encoder.last")
        named = list(self.student.named_parameters())
        groups = [[p for n, p in named if n.startswith(parent) is inherited] for inherited in (True, False)]
        self.optimiser = torch.optim.AdamW(
            [{"params": group} for group in groups], settings.rate, (0.9, 0.99), weight_decay=1e-2
        )

    def begin(self, corpus: Corpus, teachers: Path | None) -> None:
        """Start as mn04, and with the targets' means and deviations in what it may learn from."""
        if teachers is not None:
            from_parent(self.student.encoder, teachers)
        seen = [
            rows[:n] for rows, n, held in zip(corpus.targets, corpus.cells, corpus.held_out, strict=True) if not held
        ]
        values = np.concatenate(seen).astype(np.float32)
        self.student.target.mean.copy_(torch.from_numpy(values.mean(axis=0)))
        self.student.target.deviation.copy_(torch.from_numpy(values.std(axis=0) + 1e-3))
        self.mean.load_state_dict(self.student.state_dict())

    def resume(self, path: Path) -> None:
        """Go on from a file of `save`."""
        state = torch.load(path, weights_only=True)
        if (before := state["settings"]) != (now := dataclasses.asdict(self.settings)):
            raise SystemExit(f"{path} is of another run: {before} and not {now}")
        self.student.load_state_dict(state["student"])
        self.mean.load_state_dict(state["mean"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]

    def save(self, folder: Path) -> None:
        """Write what `resume` needs, and the encoder for the next stages."""
        parts: dict[str, Any] = {"student": self.student, "mean": self.mean, "optimiser": self.optimiser}
        state = {name: part.state_dict() for name, part in parts.items()}
        state |= {"step": self.step, "settings": dataclasses.asdict(self.settings)}
        with replacing(folder / "last.pt", parents=True) as temporary:
            torch.save(state, temporary)
        with replacing(folder / "encoder.safetensors") as temporary:
            self.mean.save(temporary, {"steps": str(self.step), "licence": "of MIT and ISC parents, see NOTICE"})

    def advance(self, corpus: Corpus, candidates: NDArray[np.int64], weights: Tensor) -> float:
        """One step; the loss. What it sees depends on the seed and its number alone."""
        settings = self.settings
        rng = np.random.default_rng([settings.seed, self.step])
        frames, n, _ = settings.crops[rng.choice(len(settings.crops), p=[chance for *_, chance in settings.crops])]
        x, y = batches.draw(corpus, candidates, self.student.target, n, frames, rng)
        self._set_rate()
        self.student.train()
        loss = ((self.student(x) - y).square() * weights).sum(dim=1).mean()
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), CLIP)
        self.optimiser.step()
        self.step += 1
        self._average()
        return loss.item()

    def _set_rate(self) -> None:
        settings = self.settings
        warm = min(1.0, (self.step + 1) / WARM_UP)
        falling = 0.02 + 0.98 * (1 + math.cos(math.pi * min(1.0, self.step / settings.steps))) / 2
        for group, factor in zip(self.optimiser.param_groups, (PARENT_RATE, 1.0), strict=True):
            group["lr"] = settings.rate * warm * falling * factor

    @torch.no_grad()
    def _average(self) -> None:
        """The running mean looks back five hundred steps at most, and fewer at the start."""
        keep = min(0.998, max(0.9, 1 - 5 / (self.step + 10)))
        state = self.student.state_dict()
        for name, values in self.mean.state_dict().items():
            if values.is_floating_point():
                values.lerp_(state[name], 1 - keep)
            else:
                values.copy_(state[name])


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    settings = Settings(steps=arguments.steps, rate=arguments.rate, seed=arguments.seed)
    corpus, run = cache.read(arguments.shards), Run(settings)
    if (last := arguments.out / "last.pt").exists():
        run.resume(last)
    else:
        run.begin(corpus, arguments.teachers)
    train(
        run,
        corpus,
        loss_weights(run.student, genre_columns(class_names(arguments.teachers / "classes"))),
        arguments.out,
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, required=True, help="folder that stage 2 wrote")
    parser.add_argument("--teachers", type=Path, required=True, help="folder with mn04's arrays and the classes' names")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--rate", type=float, default=Settings.rate)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def train(run: Run, corpus: Corpus, weights: Tensor, out: Path) -> None:
    """Go on to the last step, with a report now and then."""
    candidates = np.flatnonzero(~corpus.held_out)
    losses: list[float] = []
    while run.step < run.settings.steps:
        losses.append(run.advance(corpus, candidates, weights))
        if run.step % REPORT_EVERY == 0:
            print(f"step {run.step}: loss {np.mean(losses[-REPORT_EVERY:]):.4f}", flush=True)
        if run.step % SAVE_EVERY == 0 or run.step == run.settings.steps:
            run.save(out)
            print(f"step {run.step}: R2 held out {explained(run.mean, corpus, weights)}", flush=True)


def loss_weights(student: Student, genres: list[int]) -> Tensor:
    """How much each of the teachers' numbers counts, (1582,), one in total.

    Each teacher's tags weigh as much as what it has before its last layer, whatever the widths.
    """
    weights, deviation = np.zeros(N_TARGETS), student.target.deviation.numpy()
    for name, place in TAG_COLUMNS.items():
        weights[place] = (MN04_TAGS if name == "mn04_as" else 1.0) / (place.stop - place.start)
    for place in EMBEDDING_COLUMNS.values():
        alive = deviation[place] > SILENT * np.median(deviation[place])
        weights[place] = alive / (place.stop - place.start)
    weights[genres] *= GENRE_TAGS
    return torch.from_numpy((weights / weights.sum()).astype(np.float32))


@torch.inference_mode()
def explained(student: Student, corpus: Corpus, weights: Tensor) -> dict[str, float]:
    """R2 on the held-out pieces' first ten seconds, mean over tags and over the living numbers before them."""
    told, true = [], []
    for piece in np.flatnonzero(corpus.held_out)[:MOST_HELD_OUT]:
        x, y = batches.clean(corpus, int(piece), 500, student.target)
        told.append(student(x))
        true.append(y)
    if not true:
        return {}
    wrong = (torch.cat(told) - torch.cat(true)).square().sum(dim=0)
    r2 = 1 - wrong / ((torch.cat(true) - torch.cat(true).mean(dim=0)).square().sum(dim=0) + 1e-6)
    alive = weights[N_TAGS:] > 0
    return {
        "tags": round(float(r2[:N_TAGS].mean()), 3),
        "embeddings": round(float(r2[N_TAGS:][alive].mean()), 3),
    }


if __name__ == "__main__":
    main()
