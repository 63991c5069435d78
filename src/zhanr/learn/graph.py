"""The surgery on a model's ONNX graph that gives it another last layer; all before it stays, bit for bit."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from zhanr.errors import ZhanrError
from zhanr.learn.linear import Head

BEFORE = "logits_before"
KEPT = ("logits", "embedding", "styles", "novelty")


def with_head(graph: bytes, head: Head, centres: NDArray[np.floating] | None = None) -> bytes:
    """The graph with its output `logits` computed by `head` from its `embedding`, which stays as it is.

    Its outputs `styles` and `novelty` stay too. `centres` (n, d) take the place of its output `prototypes`; without
    them, that is taken out, as is all that nothing needs any more.
    """
    model = onnx.load_model_from_string(graph)
    body = model.graph
    produced = {name for node in body.node for name in node.output}
    if not {"logits", "embedding"} <= produced:
        raise ZhanrError("the model's graph does not compute the outputs logits and embedding")
    outputs = [output for output in body.output if output.name in KEPT]
    del body.output[:]
    body.output.extend(outputs)
    for node in body.node:
        node.output[:] = [BEFORE if name == "logits" else name for name in node.output]
        node.input[:] = [BEFORE if name == "logits" else name for name in node.input]
    if centres is not None:
        _add_centres(body, np.ascontiguousarray(centres, np.float32))
    body.initializer.extend(
        [
            numpy_helper.from_array(np.ascontiguousarray(head.weights.T, np.float32), "head.weights"),
            numpy_helper.from_array(head.bias.astype(np.float32), "head.bias"),
        ]
    )
    body.node.append(helper.make_node("Gemm", ["embedding", "head.weights", "head.bias"], ["logits"], name="head"))
    for i, output in enumerate(body.output):
        if output.name == "logits":
            rows = output.type.tensor_type.shape.dim[0].dim_param or "n"
            new = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [rows, len(head.bias)])
            body.output[i].CopyFrom(new)
    _prune(body)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def _add_centres(body: onnx.GraphProto, centres: NDArray[np.float32]) -> None:
    for node in body.node:
        node.output[:] = [f"{name}_before" if name == "prototypes" else name for name in node.output]
    value = numpy_helper.from_array(centres, "centres")
    body.node.append(helper.make_node("Constant", [], ["prototypes"], name="centres", value=value))
    body.output.append(helper.make_tensor_value_info("prototypes", TensorProto.FLOAT, list(centres.shape)))


def _prune(body: onnx.GraphProto) -> None:
    """Take out nodes and weights that no output depends on, and those of an earlier head, whose names come again."""
    wanted = {output.name for output in body.output}
    kept = []
    for node in reversed(body.node):  # they are sorted so that what is needed comes first
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    nodes = list(reversed(kept))
    weights = {weight.name: weight for weight in body.initializer if weight.name in wanted}  # the later one of two
    shapes = [info for info in body.value_info if info.name in wanted]
    for field, values in ((body.node, nodes), (body.initializer, list(weights.values())), (body.value_info, shapes)):
        copies = [type(value).FromString(value.SerializeToString()) for value in values]
        del field[:]
        field.extend(copies)
