"""What differs between the kinds of task. All other code asks `of(task.kind)`; serving asks models/answers.py.

A new kind is one class here, in a module of its own, for training and judging, and one in models/answers.py.
"""

from __future__ import annotations

from .classification import Classification
from .kind import Kind
from .regression import Regression

KINDS: dict[str, Kind] = {"classification": Classification(), "regression": Regression()}


def of(name: str) -> Kind:
    return KINDS[name]
