"""The model file: one `.onnx` with weights, graph and a JSON card that says everything else. ONNX Runtime's only home.

The card lies in the file's `metadata_props` under the key `zhanr`. Nothing is pickled, and a field that is unknown or
missing is an error: the numbers that serving needs come from here and from nowhere else.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import zhanr.features  # noqa: F401 - a card may name a kind of picture that is entered there
from zhanr.card import FORMAT_VERSION, Card
from zhanr.errors import ConfigError, ModelFileError
from zhanr.files import read_failure, replacing

CARD_KEY = "zhanr"
DEFAULT_MODEL = "default"
STORE_MODEL = "gtzan"
"""The built-in model of GTZAN's ten genres, whose features are those of GTZAN's feature stores."""
_MODELS = Path(__file__).parent / "data" / "models"


class Outputs(NamedTuple):
    """What the network says of each window: logits (n, n_genres) and embedding (n, d).

    Where a network has them: `prototypes` (n_genres, d), the genres' own places among the embeddings; `styles`
    (n, n_styles), logits of a sigmoid each; `novelty` (n,), the larger, the less like anything that it was fitted on.
    """

    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]
    prototypes: NDArray[np.float32] | None = None
    styles: NDArray[np.float32] | None = None
    novelty: NDArray[np.float32] | None = None

    @classmethod
    def join(cls, parts: Sequence[Outputs]) -> Outputs:
        """What several runs of one network gave, one after the other."""

        def rows(name: str) -> Any:
            values = [getattr(part, name) for part in parts]
            return values[0] if name == "prototypes" or values[0] is None else np.concatenate(values)

        return cls(*map(rows, cls._fields))


class Bundle:
    """An opened model file: its `card` and `run`."""

    def __init__(self, path: Path, data: bytes, *, threads: int = 1) -> None:
        self.path = path
        self.sha256 = hashlib.sha256(data).hexdigest()
        self._session = _open_session(path, data, threads)
        self.card = _read_card(path, self._session.get_modelmeta().custom_metadata_map)
        self._outputs = [o.name for o in self._session.get_outputs()]
        self._check_graph()

    @property
    def reference(self) -> str:
        """What `--model` calls it: the name of a built-in model, or the whole path of the file."""
        return self.path.stem if self.path.parent == _MODELS else str(self.path.absolute())

    def with_card(self, card: Card) -> Bundle:
        """The same network under another card, say with other thresholds; the file stays as it is."""
        twin = copy.copy(self)
        twin.card = card
        twin._check_graph()
        return twin

    def run(self, windows: NDArray[np.float32]) -> Outputs:
        """Run the network on windows (n, n_bins, n_frames) of values 0..1. Safe to call from several threads."""
        values = dict(zip(self._outputs, self._session.run(None, {"x": windows}), strict=True))
        return Outputs(**values)

    def _check_graph(self) -> None:
        """Refuse a graph whose shapes disagree with its card, now and not at the first song."""
        inputs = {i.name: i.shape for i in self._session.get_inputs()}
        if set(inputs) == {"samples"}:
            raise ModelFileError(self.path, "it takes a waveform; zhanr wants the model that it came from")
        if set(inputs) != {"x"} or not {"logits", "embedding"} <= set(self._outputs) <= set(Outputs._fields):
            raise ModelFileError(self.path, "its graph does not have the input x and the outputs logits, embedding")
        card = self.card
        if bool(card.styles) != ("styles" in self._outputs):
            raise ModelFileError(self.path, "styles must be both in its card and among its graph's outputs")
        if "novelty" in card.thresholds and not {"novelty", "prototypes"} & set(self._outputs):
            raise ModelFileError(self.path, "its card has a threshold of novelty but its graph does not tell it")
        shapes = {o.name: o.shape for o in self._session.get_outputs()}
        expected = {
            "bins": (inputs["x"][1], card.features.n_bins),
            "genres": (shapes["logits"][1], len(card.labels)),
            "embedding": (shapes["embedding"][1], card.embedding_size),
            "frames": (inputs["x"][2], card.windows.frames),
        }
        if card.styles:
            expected["styles"] = (shapes["styles"][1], len(card.styles))
        for what, (graph, said) in expected.items():
            if isinstance(graph, int) and graph != said:
                raise ModelFileError(self.path, f"its card says {said} {what} but its graph has {graph}")
        if card.windows.shortest and isinstance(inputs["x"][2], int):
            raise ModelFileError(self.path, "its card allows windows of any width but its graph does not")


def _open_session(path: Path, data: bytes, threads: int) -> Any:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    # on Windows, and where a program had loaded the runtime before zhanr, the variable of `zhanr` is not enough
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except (errors.Fail, errors.InvalidProtobuf, errors.InvalidGraph, errors.InvalidArgument) as error:
        raise ModelFileError(path, "this is not a model file, or it is damaged") from error
    except (errors.NotImplemented, errors.RuntimeException) as error:
        raise ModelFileError(path, f"ONNX Runtime {onnxruntime.__version__} can't run it: {error}") from error


def _read_card(path: Path, metadata: Mapping[str, str]) -> Card:
    if CARD_KEY not in metadata:
        raise ModelFileError(path, "this .onnx file carries no zhanr card, so its genres and features are unknown")
    try:
        return Card.from_dict(json.loads(metadata[CARD_KEY]))
    except (json.JSONDecodeError, ConfigError) as error:
        raise ModelFileError(path, f"its card can't be read: {error}") from error


def builtin_models() -> tuple[str, ...]:
    """The names of the models that come with zhanr, the default first."""
    return tuple(sorted((p.stem for p in _MODELS.glob("*.onnx")), key=lambda name: (name != DEFAULT_MODEL, name)))


def builtin_path(name: str) -> Path:
    """The file of a built-in model."""
    return _MODELS / f"{name}.onnx"


def load_bundle(model: str | os.PathLike[str] | None = None, *, threads: int = 1) -> Bundle:
    """Open a model: the default one, a built-in one by its name, or a file. Raises `ModelFileError`."""
    name = DEFAULT_MODEL if model is None else os.fspath(model)
    path = builtin_path(name) if name in builtin_models() else Path(name)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        known = ", ".join(builtin_models())
        raise ModelFileError(path, f"there is no such model file, and the built-in models are {known}") from error
    except OSError as error:
        raise ModelFileError(path, read_failure(error)) from error
    return Bundle(path, data, threads=threads)


def write_bundle(path: str | os.PathLike[str], graph: bytes, card: Card) -> Bundle:
    """Write an ONNX graph and its card as one model file, open it again as serving would, and return it.

    The file appears whole or not at all. Needs the extra `train` (onnx).
    """
    import onnx

    model = onnx.load_model_from_string(graph)
    written = dataclasses.replace(card, format_version=FORMAT_VERSION)
    onnx.helper.set_model_props(model, {CARD_KEY: written.to_json()})
    data = model.SerializeToString()
    target = Path(path)
    bundle = Bundle(target, data)  # before anything is written: a file that can't be served is not made
    with replacing(target, error=ModelFileError, parents=True) as temporary:
        temporary.write_bytes(data)
    return bundle
