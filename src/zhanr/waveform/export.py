"""Writing the graph that takes a waveform.

Its parts: samples to segments, a `Scan` over the segments to pictures, the windows that lie in them, a `Loop` over the
windows with the network inside, and the song's aggregation. So memory grows with a song by its samples and its bytes of
picture alone.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
from onnx import compose, helper

from zhanr.bundle import CARD_KEY, load_bundle
from zhanr.card import Card
from zhanr.errors import ModelFileError
from zhanr.files import replacing
from zhanr.waveform.builder import Builder, value
from zhanr.waveform.conclude import conclude
from zhanr.waveform.cutting import choose_windows, cut_segments, sounding_windows
from zhanr.waveform.frontend import picture_body

INPUT = "samples"


def export(target: str | os.PathLike[str], model: str | os.PathLike[str] | None = None) -> Path:
    """Write a model (None: the default one) as a file whose graph takes samples (n,); gives that file.

    Raises `ModelFileError` and `ConfigError`. Needs the package onnx (extra `learn`).
    """
    bundle = load_bundle(model)
    path = Path(target)
    if path.resolve() == bundle.path.resolve():
        raise ModelFileError(path, "it is the model itself, which would be lost")
    data = waveform_model(bundle.path.read_bytes(), bundle.card)
    with replacing(path, error=ModelFileError, parents=True) as temporary:
        temporary.write_bytes(data)
    return path


def waveform_model(picture_model: bytes, card: Card) -> bytes:
    """The file of the graph from samples to a song's answer, made of a model file's bytes and its card."""
    network = compose.add_prefix(onnx.load_model_from_string(picture_model), "network.")
    opset = next(o.version for o in network.opset_import if o.domain in ("", "ai.onnx"))
    b = Builder("song.", opset=opset)
    segments = cut_segments(b, INPUT, card)
    body = picture_body(card.features, card.windows.segment_frames, opset=opset)
    pictures = b.many("Scan", segments.samples, segments.frames, body=body, num_scan_inputs=2, outputs=["pictures"])[0]
    picture = b("Reshape", b("Transpose", pictures, perm=[1, 0, 2]), [card.features.n_bins, -1])
    windows = choose_windows(b, segments, INPUT, card)
    found = _run(b, network.graph, windows.places, picture)
    counts = sounding_windows(b, segments, windows)
    heard = {k: v if k == "prototypes" else b("Compress", v, counts, axis=0) for k, v in found.items()}
    conclude(b, card, heard)
    b("Slice", picture, [0], b("Reshape", b.reduce("ReduceSum", segments.frames, [0]), [1]), [1], output="picture")
    b("Mul", b.cast(windows.starts, np.float32), float(card.features.frame_seconds), output="window_start")
    b("Softmax", b("Div", found["logits"], float(card.temperature)), axis=1, output="window_probabilities")
    graph = b.graph("zhanr", [value(INPUT, np.float32, ["n"])], _outputs(card, found))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=network.ir_version)
    model.producer_name = "zhanr"
    model.doc_string = f"Mono samples, {card.features.sample_rate} a second, full scale -1..1, to a song's genre."
    helper.set_model_props(model, {CARD_KEY: card.to_json()})
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString()
    return data


def _run(b: Builder, network: onnx.GraphProto, places: str, picture: str) -> dict[str, str]:
    """Run the network on one window after the other, each the columns `places` (n_windows, width) of the picture."""
    body = Builder("window.", opset=b.opset)
    columns = body("Gather", places, "window.index", axis=0)
    window = body("Div", body.cast(body("Gather", picture, columns, axis=1), np.float32), 255.0)
    body("Unsqueeze", window, [0], output=network.input[0].name)
    going = body("Identity", "window.going")
    body.nodes.extend(network.node)
    body.constants.extend(network.initializer)
    names = [output.name for output in network.output]
    graph = body.graph(
        "window",
        [value("window.index", np.int64, []), value("window.going", np.bool_, [])],
        [value(going, np.bool_, []), *(_one(output) for output in network.output)],
    )
    # what every iteration gives comes stacked: (n_windows, 1, ...)
    outputs = b.many("Loop", b("Gather", b("Shape", places), 0), "", body=graph, outputs=[f"all.{n}" for n in names])
    found = {}
    for name, stacked in zip(names, outputs, strict=True):
        plain = name.removeprefix("network.")
        found[plain] = b("Gather", stacked, 0, axis=0 if plain == "prototypes" else 1)
    return found


def _one(output: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    """An output of the network for a single window."""
    one: onnx.ValueInfoProto = onnx.ValueInfoProto.FromString(output.SerializeToString())
    if (first := one.type.tensor_type.shape.dim[0]).dim_param:
        first.dim_value = 1
    return one


def _outputs(card: Card, found: dict[str, str]) -> list[onnx.ValueInfoProto]:
    genres = len(card.labels)
    values = [value("logits", np.float32, [genres]), value("probabilities", np.float32, [genres])]
    if "styles" in found:
        values.append(value("styles", np.float32, [len(card.styles)]))
    values.append(value("embedding", np.float32, [card.embedding_size]))
    if {"novelty", "prototypes"} & set(found):
        values.append(value("novelty", np.float32, []))
    return [
        *values,
        value("window_start", np.float32, ["windows"]),
        value("window_heard", np.bool_, ["windows"]),
        value("window_probabilities", np.float32, ["windows", genres]),
        value("picture", np.uint8, [card.features.n_bins, "frames"]),
    ]
