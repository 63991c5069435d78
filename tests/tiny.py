"""A model file that answers in microseconds: for tests of everything around a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from zhanr.bundle import Card, write_bundle
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
) -> Path:
    """Write a model whose embedding is the mean spectrum, and whose logits are a linear map of it, random or given."""
    if weights is None:
        weights = np.random.default_rng(seed).normal(size=(N_BINS, len(labels))).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["x"], ["embedding"], axes=[2], keepdims=0),
            helper.make_node("MatMul", ["embedding", "weights"], ["logits"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", N_BINS, N_FRAMES])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(labels)]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", N_BINS]),
        ],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    card = Card(
        name="tiny",
        labels=labels,
        features=FeatureConfig(sample_rate=8000, n_fft=512, win_length=512, hop_length=400, n_mels=N_BINS, fmax=4000.0),
        windows=WindowConfig(frames=N_FRAMES, hop=16, segment_frames=600),
        embedding_size=N_BINS,
        licence="Apache-2.0",
        thresholds={"confidence": confidence},
        training={"seed": seed},
    )
    onnx.checker.check_model(model)
    write_bundle(path, model.SerializeToString(), card)
    return path
