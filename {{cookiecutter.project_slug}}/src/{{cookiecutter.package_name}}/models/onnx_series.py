"""A forecaster in, one ONNX model with the same answers out: the times that it forecasts are a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto

from ..kinds.forecaster import Forecaster
from .onnx_graph import Graph


def table(forecaster: Forecaster) -> tuple[onnx.ModelProto, list[dict[str, Any]]]:
    """The model, and its one column for the bundle's schema; a time that it does not forecast is answered with NaN."""
    times = forecaster.ahead()
    values = forecaster.predict(pd.DataFrame({forecaster.time: times}))
    graph = Graph()
    asked = graph.op("Squeeze", "categories", graph.constant(np.array([1])))
    index = graph.op(
        "LabelEncoder", asked, domain="ai.onnx.ml",
        keys_strings=times, values_int64s=list(range(len(times))), default_int64=len(times),
    )  # fmt: skip
    answer = graph.op("Gather", graph.constant(np.vstack([values, np.full((1, 3), np.nan)])), index, axis=0)
    column = {"name": forecaster.time, "type": "choice", "nullable": False, "categories": times}
    return graph.model({"categories": (TensorProto.STRING, 1)}, answer), [column]
