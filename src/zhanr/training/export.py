"""From a trained network to a model file: the graph in ONNX, and the card that says all the rest."""

from __future__ import annotations

import copy
import dataclasses
import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

import zhanr
from zhanr.bundle import Bundle, Card, write_bundle
from zhanr.models import GenreModel
from zhanr.training import validation
from zhanr.training.config import TrainConfig
from zhanr.training.data import TrainingData, all_windows

OPSET = 17


def to_onnx_bytes(model: GenreModel, n_bins: int, n_frames: int) -> bytes:
    """The graph of a network: input x (n, n_bins, n_frames), outputs logits and embedding, for any n."""
    names = ("x", "logits", "embedding")
    example = torch.rand(2, n_bins, n_frames, generator=torch.Generator().manual_seed(0))
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # the exporter that is to replace this one needs onnxscript as well, and gives the same graph
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            copy.deepcopy(model).cpu().eval(),
            (example,),
            buffer,  # type: ignore[arg-type]  # documented: a file object, and annotated as a path
            dynamo=False,
            opset_version=OPSET,
            input_names=names[:1],
            output_names=names[1:],
            dynamic_axes={name: {0: "n"} for name in names},
        )
    return buffer.getvalue()


def make_card(
    config: TrainConfig,
    data: TrainingData,
    *,
    embedding_size: int,
    temperature: float,
    scores: dict[str, Any],
    **about: Any,
) -> Card:
    """What the model file says of itself. It names the stores, and not where they lie on the machine that trained."""
    settings = config.to_dict()
    for section in (settings["data"], settings["distill"] or {}):
        for key in ("train", "valid", "store", "path"):
            if section.get(key):
                section[key] = Path(section[key]).name
    return Card(
        name=config.card.name or config.model.name,
        labels=data.labels,
        features=data.features,
        windows=config.windows,
        embedding_size=embedding_size,
        licence=config.card.licence,
        aggregation=config.training.aggregation,
        temperature=temperature,
        description=config.card.description,
        training={
            "data": data.about,
            "split": config.data.split or "as given by the two stores",
            "seed": config.training.seed,
            "config": settings,
            "versions": {"zhanr": zhanr.__version__, "torch": str(torch.__version__)},
            **about,
        },
        scores=scores,
    )


def export(
    path: str | os.PathLike[str], model: GenreModel, config: TrainConfig, data: TrainingData, **about: Any
) -> Bundle:
    """Write the model file: calibrated on the validation songs, and scored on them through the written graph itself."""
    windows = all_windows(data.valid, config.windows)
    graph = to_onnx_bytes(model, data.features.n_bins, config.windows.frames)
    card = make_card(config, data, embedding_size=model.embedding_size, temperature=1.0, scores={}, **about)
    bundle = write_bundle(path, graph, card)
    logits = np.concatenate([bundle.run(x.numpy()).logits for x in windows.tensors()])
    method = config.training.aggregation
    temperature = validation.fit_temperature(logits, windows, method)
    scores = {
        "valid": {
            "protocol": "songs of the validation part, on which the epoch and the temperature were chosen",
            "songs": len(windows.counts),
            "windows": len(windows.x),
            **{k: round(v, 5) for k, v in validation.validate(logits, windows, method)._asdict().items()},
            "song_loss_calibrated": round(validation.song_loss(logits, windows, method, temperature), 5),
        }
    }
    return write_bundle(path, graph, dataclasses.replace(card, temperature=temperature, scores=scores))
