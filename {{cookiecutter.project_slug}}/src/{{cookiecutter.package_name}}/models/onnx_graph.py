"""A few lines around onnx.helper, so that the export reads as arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

OPSET = {"": 17, "ai.onnx.ml": 3}
IR_VERSION = 8


class Graph:
    """Nodes and constants of one model. Methods take and return names of tensors."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._opset = dict(OPSET)
        self._named = 0

    def constant(self, value: ArrayLike) -> str:
        name = self._name("constant")
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        output = self._name(kind.lower())
        self._nodes.append(helper.make_node(kind, list(inputs), [output], domain=domain, **attributes))
        return output

    def ops(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> tuple[str, ...]:
        """A node with several outputs."""
        names = tuple(self._name(kind.lower()) for _ in range(outputs))
        self._nodes.append(helper.make_node(kind, list(inputs), list(names), **attributes))
        return names

    def columns(self, tensor: str, positions: list[int]) -> str:
        """The columns of a matrix at `positions`, in that order."""
        return self.op("Gather", tensor, self.constant(np.asarray(positions, np.int64)), axis=1)

    def cast(self, tensor: str, kind: int) -> str:
        return self.op("Cast", tensor, to=kind)

    def rounded_to_float32(self, tensor: str) -> str:
        """A double tensor whose values went through float32, as numpy rounds them."""
        return self.cast(self.cast(tensor, TensorProto.FLOAT), TensorProto.DOUBLE)

    def concat(self, tensors: list[str]) -> str:
        return self.op("Concat", *tensors, axis=1) if len(tensors) > 1 else tensors[0]

    def include(self, model: onnx.ModelProto, tensor: str) -> list[str]:
        """Put a converted model behind `tensor`; returns the names of its outputs."""
        part = onnx.compose.add_prefix(model, self._name("part") + "/")
        self._nodes.append(helper.make_node("Identity", [tensor], [part.graph.input[0].name]))
        self._nodes.extend(part.graph.node)
        self._constants.extend(part.graph.initializer)
        for used in part.opset_import:
            self._opset[used.domain] = max(used.version, self._opset.get(used.domain, 1))
        return [output.name for output in part.graph.output]

    def model(self, inputs: Mapping[str, tuple[int, int]], output: str) -> onnx.ModelProto:
        """Close the graph. `inputs` maps a name to (element type, columns); the output is `output`, in double."""
        self._nodes.append(helper.make_node("Identity", [output], ["output"]))
        graph = helper.make_graph(
            self._nodes,
            "pipeline",
            [helper.make_tensor_value_info(name, kind, [None, width]) for name, (kind, width) in inputs.items()],
            [helper.make_tensor_value_info("output", TensorProto.DOUBLE, None)],
            self._constants,
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in self._opset.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)

    def _name(self, prefix: str) -> str:
        self._named += 1
        return f"{prefix}_{self._named}"
