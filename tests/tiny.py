"""A model file that answers in microseconds: for tests of everything around a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from zhanr.bundle import write_bundle
from zhanr.card import Card, OperatingPoint, StyleLabel
from zhanr.config import FeatureConfig, WindowConfig

LABELS = ("classical", "jazz", "rock")
N_BINS, N_FRAMES = 16, 32


def tiny_model(
    path: Path,
    *,
    seed: int = 0,
    labels: tuple[str, ...] = LABELS,
    confidence: float = 0.0,
    weights: NDArray[np.float32] | None = None,
    styles: tuple[StyleLabel, ...] = (),
    precisions: tuple[OperatingPoint, ...] = (),
    novelty: float | None = None,
) -> Path:
    """Write a model whose embedding is the mean spectrum, and whose logits are a linear map of it, random or given.

    Its styles are as many of the embedding's numbers. With `novelty`, a threshold, it tells that of a song: the mean of
    its spectrum.
    """
    if weights is None:
        weights = np.random.default_rng(seed).normal(size=(N_BINS, len(labels))).astype(np.float32)
    more: dict[str, list[str | int | None]] = {"styles": ["n", len(styles)]} if styles else {}
    more |= {} if novelty is None else {"novelty": ["n"]}
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["embedding"], axes=[2], keepdims=0),
        helper.make_node("MatMul", ["embedding", "weights"], ["logits"]),
        helper.make_node("MatMul", ["embedding", "choice"], ["styles"]),
        helper.make_node("ReduceMean", ["embedding"], ["novelty"], axes=[1], keepdims=0),
    ]
    graph = helper.make_graph(
        [node for node in nodes if node.output[0] in ("embedding", "logits", *more)],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", N_BINS, N_FRAMES])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(labels)]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", N_BINS]),
            *(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in more.items()),
        ],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.eye(N_BINS, len(styles), dtype=np.float32), "choice"),
        ][: 2 if styles else 1],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    card = Card(
        name="tiny",
        labels=labels,
        features=FeatureConfig(sample_rate=8000, n_fft=512, win_length=512, hop_length=400, n_mels=N_BINS, fmax=4000.0),
        windows=WindowConfig(frames=N_FRAMES, hop=16, segment_frames=600),
        embedding_size=N_BINS,
        licence="Apache-2.0",
        thresholds={"confidence": confidence} | ({} if novelty is None else {"novelty": novelty}),
        styles=styles,
        precisions=precisions,
        training={"seed": seed},
    )
    onnx.checker.check_model(model)
    write_bundle(path, model.SerializeToString(), card)
    return path
