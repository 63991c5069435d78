"""The layers of a network in order, with the shape that leaves each: of a torch module, or of a model file's graph."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

Layer = tuple[str, tuple[int, ...], int]
"""What it does, the shape of what leaves it (without the batch), and how many parameters it learns."""

# What only changes values and not shapes is told in the row of the layer before it.
_BESIDE = (
    *("ReLU", "ELU", "GELU", "LeakyReLU", "Sigmoid", "Tanh", "Softmax", "BatchNorm", "LayerNorm", "Dropout"),
    *("Mul", "Add", "Sub", "Pow"),
)
_GRAPH_ROWS = (
    *("Conv", "Gemm", "MatMul", "MaxPool", "AveragePool", "GlobalAveragePool", "GRU", "LSTM", "Concat"),
    *("ReduceMean", "ReduceMax", "Flatten"),
)


def of_module(model: nn.Module, n_bins: int, n_frames: int) -> list[Layer]:
    """Send one window of zeros through a network and note what comes out of every layer.

    A `Sequential` is opened; any other module made of parts, such as a residual block, is one layer. What a network
    does between its modules (a mean over time, say) is no layer, but is seen in the next shape.
    """
    rows: list[Layer] = [("input: a window", (n_bins, n_frames), 0)]

    def note(module: nn.Module, _inputs: Any, output: Any) -> None:
        shape = list((output[0] if isinstance(output, tuple) else output).shape)
        del shape[1 if isinstance(module, nn.RNNBase) and not module.batch_first else 0]
        _add(rows, _named(module), tuple(shape), sum(p.numel() for p in module.parameters()))

    hooks = [layer.register_forward_hook(note) for layer in _layers(model)]
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            model(torch.zeros(1, n_bins, n_frames))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return rows


def _layers(model: nn.Module) -> Iterator[nn.Module]:
    for child in model.children():
        if isinstance(child, nn.Sequential | nn.ModuleList):
            yield from _layers(child)
        else:
            yield child


def _add(rows: list[Layer], name: str, shape: tuple[int, ...], parameters: int) -> None:
    before, old_shape, old_parameters = rows[-1]
    if name.startswith(_BESIDE) and shape == old_shape and len(rows) > 1:
        rows[-1] = (f"{before}, {name}", shape, old_parameters + parameters)
    else:
        rows.append((name, shape, parameters))


def _named(module: nn.Module) -> str:
    """The name of its class, without the dimensions that its shape shows, and its kernel."""
    name = type(module).__name__.removesuffix("1d").removesuffix("2d")
    kernel = getattr(module, "kernel_size", None)
    if kernel is not None:
        sides = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        name += " " + "×".join(str(side) for side in sides)
    if getattr(module, "bidirectional", False):
        name += ", both ways"
    return name


def of_graph(path: Path) -> list[Layer]:
    """The layers of a model file (.onnx) that have weights, pool or join, for one window of the width that it reads.

    Parallel branches come one after the other. What is stored for each layer is counted, learned or not.
    """
    import onnx

    model = onnx.load(path)
    weights = {w.name: math.prod(w.dims) for w in model.graph.initializer}
    shapes = _shapes(model)
    rows: list[Layer] = [("input: a window", shapes.get("x", ()), 0)]
    for node in model.graph.node:
        parameters = sum(weights.pop(name, 0) for name in node.input)
        shape = shapes.get(node.output[0], ())
        if shape and all(shape) and (node.op_type in _GRAPH_ROWS or parameters > 1):
            _add(rows, _node_name(node), shape, parameters)
    return rows


def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """The shape of every value for one window, without the batch."""
    import onnx

    frozen = onnx.ModelProto()
    frozen.CopyFrom(model)
    windows = frozen.graph.input[0].type.tensor_type.shape.dim
    windows[0].dim_value = 1
    if not windows[2].dim_value:
        windows[2].dim_value = _frames(model)
    inferred = onnx.shape_inference.infer_shapes(frozen, data_prop=True).graph
    values = (*inferred.input, *inferred.value_info, *inferred.output)
    return {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim)[1:] for v in values}


def _frames(model: Any) -> int:
    """The width of a window, from the card."""
    card = next(p.value for p in model.metadata_props if p.key == "zhanr")
    return int(json.loads(card)["windows"]["frames"])


def _node_name(node: Any) -> str:
    kernel = next((list(a.ints) for a in node.attribute if a.name == "kernel_shape"), [])
    return f"{node.op_type} {'×'.join(map(str, kernel))}".strip()
