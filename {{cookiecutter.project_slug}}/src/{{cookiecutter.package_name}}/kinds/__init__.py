"""What differs between the kinds of task. All other code asks `of(task)`; serving asks models/answers.py.

A new kind is one class here, in a module of its own, for training and judging, one in models/answers.py, and its
settings in config.py.
"""

from __future__ import annotations

from typing import Any

from ..config import Task
from .anomaly import Anomaly
from .classification import Classification
from .clustering import Clustering
from .forecasting import Forecasting
from .kind import Kind
from .regression import Regression

KINDS: dict[str, type[Kind[Any]]] = {
    "classification": Classification,
    "regression": Regression,
    "clustering": Clustering,
    "anomaly": Anomaly,
    "forecasting": Forecasting,
}


def of(task: Task) -> Kind[Any]:
    return KINDS[task.kind](task)
