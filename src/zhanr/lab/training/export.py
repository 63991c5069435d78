"""From a trained network to a model file: the graph in ONNX, and the card that says all the rest."""

from __future__ import annotations

import copy
import dataclasses
import io
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import zhanr
from zhanr import calibration
from zhanr.aggregate import novelty
from zhanr.bundle import Bundle, Outputs, write_bundle
from zhanr.card import Card, OperatingPoint
from zhanr.config import Aggregation
from zhanr.lab.networks import GenreModel
from zhanr.lab.training import validation
from zhanr.lab.training.config import TrainConfig
from zhanr.lab.training.data import TrainingData, WindowSet, all_windows

OPSET = 17


def to_onnx_bytes(
    model: GenreModel,
    n_bins: int,
    n_frames: int,
    *,
    any_width: bool = False,
    constants: Mapping[str, NDArray[np.float32]] | None = None,
) -> bytes:
    """The graph of a network: input x (n, n_bins, n_frames), outputs logits and embedding, for any n.

    With `any_width` it reads any number of frames as well. `constants` become further outputs, the same for every
    input.
    """
    axes = {"x": {0: "n", 2: "frames"} if any_width else {0: "n"}, "logits": {0: "n"}, "embedding": {0: "n"}}
    example = torch.rand(2, n_bins, n_frames, generator=torch.Generator().manual_seed(0))
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # the exporter that is to replace this one needs onnxscript as well, and gives the same graph
        warnings.simplefilter("ignore", DeprecationWarning)
        # the widths of a padding are written as a little sum, which it can't work out beforehand
        warnings.filterwarnings("ignore", message="Constant folding", category=UserWarning)
        # of recurrent layers: their checks of shapes, and that n may be fixed, which the tests show it isn't
        warnings.filterwarnings("ignore", message="Converting a tensor", module=r"torch\.nn\.modules\.rnn")
        warnings.filterwarnings("ignore", message="Exporting a model to ONNX with a batch_size", category=UserWarning)
        torch.onnx.export(
            copy.deepcopy(model).cpu().eval(),
            (example,),
            buffer,  # type: ignore[arg-type]  # documented: a file object, and annotated as a path
            dynamo=False,
            opset_version=OPSET,
            input_names=("x",),
            output_names=("logits", "embedding"),
            dynamic_axes=axes,
        )
    return _with_constants(buffer.getvalue(), constants) if constants else buffer.getvalue()


def _with_constants(graph: bytes, constants: Mapping[str, NDArray[np.float32]]) -> bytes:
    """Add outputs that depend on no input, which torch refuses to trace."""
    import onnx

    model = onnx.load_model_from_string(graph)
    for name, values in constants.items():
        tensor = onnx.numpy_helper.from_array(np.ascontiguousarray(values))
        model.graph.node.append(onnx.helper.make_node("Constant", [], [name], value=tensor))
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, tensor.data_type, values.shape))
    data: bytes = model.SerializeToString()
    return data


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
    shape = (data.features.n_bins, config.windows.frames)
    centres = _centres(model, data, config)
    graph = to_onnx_bytes(model, *shape, constants={"prototypes": centres})
    card = make_card(config, data, embedding_size=model.embedding_size, temperature=1.0, scores={}, **about)
    bundle = write_bundle(path, graph, card)
    found = Outputs.join([bundle.run(x.numpy()) for x in windows.tensors()])
    method, logits = config.training.aggregation, found.logits
    temperature = validation.fit_temperature(logits, windows, method)
    scores = {
        "valid": {
            "protocol": "songs of the validation part, on which epoch, temperature and thresholds were chosen",
            "songs": len(windows.counts),
            "windows": len(windows.x),
            **{k: round(v, 5) for k, v in validation.validate(logits, windows, method)._asdict().items()},
            "song_loss_calibrated": round(validation.song_loss(logits, windows, method, temperature), 5),
        }
    }
    points = _points(found, windows, method, temperature)
    return write_bundle(
        path,
        graph,
        dataclasses.replace(
            card,
            temperature=temperature,
            scores=scores,
            thresholds=calibration.thresholds(points),
            precisions=points,
        ),
    )


def _centres(model: GenreModel, data: TrainingData, config: TrainConfig) -> NDArray[np.float32]:
    """The mean embedding of each genre's songs of the training part, (n_genres, d): what the model knows."""
    windows = all_windows(data.train, config.windows)
    network = copy.deepcopy(model).cpu().eval()
    with torch.inference_mode():
        embedding = torch.cat([network(x)[1] for x in windows.tensors()]).numpy()
    songs = np.stack([one.mean(axis=0) for one in windows.by_song(embedding)])
    means = [songs[windows.genres == genre].mean(axis=0) for genre in np.unique(windows.genres)]
    return np.stack(means).astype(np.float32)


def _points(found: Outputs, windows: WindowSet, method: Aggregation, temperature: float) -> tuple[OperatingPoint, ...]:
    """The table of precisions, and the gate that lets `KNOWN` of the right answers through."""
    p = validation.song_probabilities(found.logits, windows, method, temperature)
    right = p.argmax(axis=1) == windows.genres
    songs = [one.mean(axis=0) for one in windows.by_song(found.embedding)]
    assert found.prototypes is not None
    strange = np.array([novelty(row, x, found.prototypes) for row, x in zip(p, songs, strict=True)])
    limit = float(np.quantile(strange[right], calibration.KNOWN)) if right.any() else None
    return calibration.operating_points(p.max(axis=1), right, strange=strange, novelty=limit)
