"""/v2: the Open Inference Protocol (KServe, version 2), in which each column is a tensor of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from flask import Blueprint, request
from pydantic import BaseModel, Field, create_model

from ..layout import PACKAGE
from .errors import RefusedError
from .openapi import JSON, Operation, documented
from .rows import Parser, content_type, parsed
from .service import Service

TAG = "open inference protocol"
DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "category": "BYTES", "choice": "BYTES"}
"""What a column is told to be; any number is taken for a number."""

MODEL, VERSION = "/models/<name>", "/models/<name>/versions/<version>"


class Tensor(BaseModel):
    """A column: one value a row, null for a missing one."""

    name: str
    shape: list[int] = Field(min_length=1)
    datatype: str
    data: list[Any]


class Inference(BaseModel):
    id: str | None = None
    inputs: list[Tensor] = Field(min_length=1)


def blueprint(service: Service, parser: Parser) -> Blueprint:
    api = Blueprint("v2", __name__, url_prefix="/v2")
    columns = service.schema.columns
    example = {
        "inputs": [
            {
                "name": column.name,
                "shape": [1],
                "datatype": DATATYPES[column.type],
                "data": [service.schema.example[column.name]],
            }
            for column in columns
        ]
    }
    described = {
        "name": PACKAGE,
        "versions": [service.version],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": one.name, "datatype": DATATYPES[one.type], "shape": [-1]} for one in columns],
        "outputs": _outputs(service),
    }
    gives = create_model(
        "InferenceAnswer", model_name=(str, ...), model_version=(str, ...), id=(str, ...), outputs=(list[Tensor], ...)
    )

    path = {"name": Literal[PACKAGE], "version": Literal[service.version]}

    def known(name: str, version: str | None) -> None:
        if name != PACKAGE or version not in (None, service.version):
            raise RefusedError(404, f"Here is the model {PACKAGE} in version {service.version}.")

    @api.get("", strict_slashes=False)
    @documented(Operation("What this server speaks", TAG, gives={JSON: {"type": "object"}}))
    def server() -> dict[str, Any]:
        return {"name": PACKAGE, "version": service.version, "extensions": []}

    @api.get("/health/live")
    @documented(Operation("The process lives", TAG, gives={JSON: create_model("IsLive", live=(bool, ...))}))
    def live() -> dict[str, Any]:
        return {"live": True}

    @api.get("/health/ready")
    @documented(Operation("A model is loaded", TAG, gives={JSON: create_model("IsReady", ready=(bool, ...))}))
    def ready() -> dict[str, Any]:
        return {"ready": True}

    @api.get(f"{MODEL}/ready")
    @documented(Operation("The model is loaded", TAG, gives={JSON: {"type": "object"}}, problems=(404,), path=path))
    def model_ready(name: str) -> dict[str, Any]:
        known(name, None)
        return {"name": name, "ready": True}

    @api.get(f"{VERSION}/ready")
    @documented(Operation("The version is loaded", TAG, gives={JSON: {"type": "object"}}, problems=(404,), path=path))
    def version_ready(name: str, version: str) -> dict[str, Any]:
        known(name, version)
        return {"name": name, "ready": True}

    @api.get(MODEL)
    @documented(
        Operation("The tensors of the model", TAG, gives={JSON: {"type": "object"}}, problems=(404,), path=path)
    )
    def model(name: str) -> dict[str, Any]:
        known(name, None)
        return described

    @api.get(VERSION)
    @documented(
        Operation("The tensors of the version", TAG, gives={JSON: {"type": "object"}}, problems=(404,), path=path)
    )
    def version(name: str, version: str) -> dict[str, Any]:
        known(name, version)
        return described

    infers = Operation(
        "Predict, in the way of KServe and Triton",
        TAG,
        takes={JSON: Inference},
        gives={JSON: gives},
        problems=(400, 404, 413, 415, 422),
        examples={JSON: example},
        path=path,
    )

    @api.post(f"{MODEL}/infer")
    @documented(infers)
    def infer(name: str) -> dict[str, Any]:
        return inferred(name, None)

    @api.post(f"{VERSION}/infer")
    @documented(infers)
    def version_infer(name: str, version: str) -> dict[str, Any]:
        return inferred(name, version)

    def inferred(name: str, version: str | None) -> dict[str, Any]:
        known(name, version)
        content_type(JSON, "", "application/octet-stream")  # clients of Triton name no type
        given: Inference = parsed(Inference, request.get_data(cache=False))
        asked = parser.columns({one.name: _values(one) for one in given.inputs})
        answer = service.predict(asked.columns)
        outputs = {"prediction_id": answer.prediction_ids, **answer.fields}
        return {
            "model_name": name,
            "model_version": answer.model_version,
            "id": given.id or answer.id,
            "outputs": [_tensor(field, values) for field, values in outputs.items()],
        }

    return api


def _values(tensor: Tensor) -> Sequence[Any]:
    """The values of a column, whether it is a vector or a matrix of one column."""
    rows, *rest = tensor.shape
    if math.prod(rest) != 1 or rows != len(tensor.data):
        raise RefusedError(
            422, f"{tensor.name}: shape {tensor.shape} with {len(tensor.data)} values is not one value a row."
        )
    return tensor.data


def _outputs(service: Service) -> list[dict[str, Any]]:
    types = {str: "BYTES", float: "FP64", int: "INT64", bool: "BOOL"}
    fields = {"prediction_id": str, **service.answers.fields}
    return [
        {
            "name": name,
            "datatype": types.get(of, "FP64"),
            "shape": [-1] if of in types else [-1, len(service.schema.classes)],
        }
        for name, of in fields.items()
    ]


def _tensor(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """Probabilities by class become a matrix in the order of the classes."""
    first = values[0]
    if isinstance(first, dict):
        flat = [number for row in values for number in row.values()]
        return {"name": name, "datatype": "FP64", "shape": [len(values), len(first)], "data": flat}
    types = {str: "BYTES", bool: "BOOL", int: "INT64", float: "FP64"}
    return {"name": name, "datatype": types.get(type(first), "BYTES"), "shape": [len(values)], "data": values}
