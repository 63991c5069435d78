"""A small writer of ONNX graphs: an operator is a method that takes and gives names of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

AXES_ARE_INPUTS = 18  # the opset from which on all reductions take their axes as an input; ReduceSum always does here


class Builder:
    """Collects nodes and constants: `b("Add", x, y)` adds a node and gives the name of its output.

    Numbers and arrays among the inputs become constants: int as int64, float as float32.
    """

    def __init__(self, prefix: str, *, opset: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._prefix, self.opset = prefix, opset

    def __call__(self, operator: str, *inputs: Any, output: str = "", **attributes: Any) -> str:
        """Add a node of one output."""
        return self.many(operator, *inputs, outputs=[output or self._name(operator)], **attributes)[0]

    def many(self, operator: str, *inputs: Any, outputs: Sequence[str], **attributes: Any) -> list[str]:
        """Add a node of several outputs, which get the names `outputs`."""
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        self.nodes.append(helper.make_node(operator, names, list(outputs), **attributes))
        return list(outputs)

    def constant(self, value: int | float | Sequence[int] | NDArray[Any]) -> str:
        """A constant; sequences are of whole numbers."""
        array = value if isinstance(value, np.ndarray) else np.array(value, _dtype(value))
        name = self._name("constant")
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def reduce(self, operator: str, x: str, axes: Sequence[int], *, keepdims: bool = False) -> str:
        """One of the operators Reduce*, as the opset wants it."""
        if operator == "ReduceSum" or self.opset >= AXES_ARE_INPUTS:
            return self(operator, x, list(axes), keepdims=int(keepdims))
        return self(operator, x, axes=list(axes), keepdims=int(keepdims))

    def cast(self, x: str, dtype: Any) -> str:
        """The values as another type of NumPy's."""
        return self("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def arange(self, stop: Any, *, start: Any = 0, step: Any = 1) -> str:
        """Whole numbers from `start` to before `stop`."""
        return self("Range", start, stop, step)

    def shape(self, *sizes: Any) -> str:
        """A shape of numbers and of names of scalars."""
        return self("Concat", *(self("Reshape", size, [1]) for size in sizes), axis=0)

    def graph(
        self, name: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.GraphProto:
        """What was collected, as a graph."""
        return helper.make_graph(self.nodes, name, list(inputs), list(outputs), self.constants)

    def _name(self, what: str) -> str:
        return f"{self._prefix}{what}_{len(self.nodes) + len(self.constants)}"


def value(name: str, dtype: Any, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    """An input or output of a graph; a dimension without a fixed size has a name."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(shape))


def _dtype(value: Any) -> Any:
    return np.float32 if isinstance(value, float) else np.int64
