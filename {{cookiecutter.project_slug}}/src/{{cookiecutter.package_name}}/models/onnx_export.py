"""A fitted PyCaret model in, one ONNX model with the same answers out.

The first steps of a PyCaret pipeline (imputers, encoders) treat every raw column on its own. So they
are not translated but probed: each category of a column, a missing one and one never seen go through
the fitted steps once, and what comes out becomes a lookup table. Numbers must come out as they went
in, or imputed. The steps behind (scalers and the like) and the estimator are converted by skl2onnx.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.base import is_classifier
from sklearn.linear_model import LogisticRegression

from ..errors import ProjectError
from ..kinds.forecaster import Forecaster
from . import onnx_lightgbm, onnx_series, onnx_unsupervised
from .automl import Model
from .bundle import MISSING, category_text
from .onnx_graph import OPSET, Graph

PROBED = {
    "numerical_imputer",
    "categorical_imputer",
    "rare_category_grouping",
    "ordinal_encoding",
    "onehot_encoding",
    "rest_encoding",
}
WITHOUT_EFFECT = {"clean_column_names", "placeholder"}
NEVER_SEEN = "\x00never seen"

Precision = Literal["native", "double", "float32"]


class NotPortableError(ProjectError):
    """The pipeline holds a step or model that has no portable form."""


@dataclass(frozen=True)
class NumberProbe:
    """A numeric column: whether it is rounded to single precision, what a missing value becomes, and where the value
    comes out (None: dropped)."""

    rounds: bool
    fill: float
    position: int | None


@dataclass(frozen=True)
class CategoryProbe:
    """A category column: one row of `outputs` a category, then one for missing, then one for never seen."""

    name: str
    categories: list[str]
    positions: list[int]
    outputs: np.ndarray


@dataclass(frozen=True)
class Probes:
    """What the probed steps do: every output column is a number, a table entry or a constant."""

    numbers: list[NumberProbe]
    categories: list[CategoryProbe]
    constants: np.ndarray


def export(
    model: Model, rows: pd.DataFrame, precision: Precision | None = "native"
) -> tuple[onnx.ModelProto, list[dict[str, Any]]]:
    """The model and its columns, for the bundle's schema; without a `precision` it ends before the estimator.

    `rows` are raw features as trained on. Inputs of the model are `numbers` (double, one column a
    number column) and `categories` (text), its output is rows by outputs, double. `precision` is
    the one that the estimator computes in; `native` is what its library does. Raises NotPortableError.
    """
    if isinstance(model.pipeline, Forecaster):
        return onnx_series.table(model.pipeline)
    typed = model.as_trained(rows)
    steps = [(name, step) for name, step in model.preparation if name not in WITHOUT_EFFECT]
    probed = max([i + 1 for i, (name, _) in enumerate(steps) if name in PROBED], default=0)
    head, tail = steps[:probed], steps[probed:]
    probes = probe(head, typed, model.floating)
    graph = Graph()
    tensor = _lookup(graph, probes)
    frame = _through(head, typed.head(200))
    for name, step in tail:
        tensor, frame = _convert_step(graph, tensor, frame, name, step)
    if precision is None:
        # in the type in which the estimator was trained
        answer = graph.rounded_to_float32(tensor) if frame.to_numpy().dtype == np.float32 else tensor
    else:
        answer = _convert_estimator(graph, tensor, frame.shape[1], model.estimator, precision)
    inputs = {}
    if probes.numbers:
        inputs["numbers"] = (TensorProto.DOUBLE, len(probes.numbers))
    if probes.categories:
        inputs["categories"] = (TensorProto.STRING, len(probes.categories))
    return graph.model(inputs, answer), _columns(rows, probes)


def probe(head: list[tuple[str, Any]], rows: pd.DataFrame, floating: np.dtype) -> Probes:
    """Send chosen values of each column through `head`, all other columns at a value seen in training."""
    for name, step in head:
        if name not in PROBED or type(step.transformer).__name__ in ("DropImputer", "KNNImputer"):
            raise NotPortableError(
                f"The preparation step {name} ({type(step.transformer).__name__}) has no portable form."
            )
    base = pd.DataFrame({name: rows[name].dropna().head(1).array for name in rows})
    neutral = _through(head, base).to_numpy(np.float64)[0]
    numbers, categories = [], []
    for name in map(str, rows):
        if rows[name].dtype.name == "category":
            categories.append(_probe_category(head, base, name, list(rows[name].dropna().unique())))
        else:
            numbers.append(_probe_number(head, base, name, rows[name], floating))
    return Probes(numbers, categories, neutral)


def _probe_category(head: list[tuple[str, Any]], base: pd.DataFrame, name: str, seen: list[Any]) -> CategoryProbe:
    outputs = _outputs(head, base, name, pd.Series([*seen, np.nan, NEVER_SEEN], dtype=object).astype("category"))
    varying = _varying(outputs)
    return CategoryProbe(name, [category_text(value) for value in seen], varying, outputs[:, varying])


def _probe_number(
    head: list[tuple[str, Any]], base: pd.DataFrame, name: str, values: pd.Series, floating: np.dtype
) -> NumberProbe:
    low = values.min()
    chosen = pd.Series([low, low + 1]).astype(values.dtype)
    outputs = _outputs(head, base, name, chosen)
    varying = _varying(outputs)
    rounds = values.dtype == np.float32
    if not varying:
        return NumberProbe(rounds, 0.0, None)
    if len(varying) > 1 or not np.array_equal(outputs[:, varying[0]], chosen.to_numpy(np.float64)):
        raise NotPortableError(f"The numeric column {name} does not pass through the preparation unchanged.")
    missing = pd.Series([np.nan, float(chosen[0])], dtype=values.dtype if values.dtype.kind == "f" else floating)
    return NumberProbe(rounds, float(_outputs(head, base, name, missing)[0, varying[0]]), varying[0])


def _outputs(head: list[tuple[str, Any]], base: pd.DataFrame, name: str, values: pd.Series) -> np.ndarray:
    frame = pd.concat([base] * len(values), ignore_index=True)
    frame[name] = values
    return _through(head, frame).to_numpy(np.float64)


def _through(steps: list[tuple[str, Any]], frame: pd.DataFrame) -> pd.DataFrame:
    for _, step in steps:
        frame = step.transform(frame)
    return frame


def _varying(outputs: np.ndarray) -> list[int]:
    """The output columns that depend on what was sent in; a missing value counts as a value."""
    same = (outputs == outputs[0]) | (np.isnan(outputs) & np.isnan(outputs[0]))
    return [int(position) for position in np.flatnonzero(~same.all(axis=0))]


def _lookup(graph: Graph, probes: Probes) -> str:
    """The probed steps as tables: inputs in, the matrix that the next step expects out, in double."""
    blocks: list[str] = []
    order: dict[int, int] = {}
    if probes.numbers:
        blocks.append(_imputed(graph, probes.numbers))
        order |= {number.position: i for i, number in enumerate(probes.numbers) if number.position is not None}
    width = len(probes.numbers)
    for column, category in enumerate(probes.categories):
        if not category.positions:
            continue
        text = graph.op("Squeeze", graph.columns("categories", [column]), graph.constant(np.array([1])))
        keys = [*category.categories, MISSING]
        index = graph.op(
            "LabelEncoder", text, domain="ai.onnx.ml",
            keys_strings=keys, values_int64s=list(range(len(keys))), default_int64=len(keys),
        )  # fmt: skip
        blocks.append(graph.op("Gather", graph.constant(category.outputs), index, axis=0))
        order |= {position: width + i for i, position in enumerate(category.positions)}
        width += len(category.positions)
    matrix = graph.columns(graph.concat(blocks), [order.get(position, 0) for position in range(len(probes.constants))])
    fixed = np.array([[position not in order for position in range(len(probes.constants))]])
    if not fixed.any():
        return matrix
    return graph.op("Where", graph.constant(fixed), graph.constant(np.where(fixed, probes.constants, 0.0)), matrix)


def _imputed(graph: Graph, numbers: list[NumberProbe]) -> str:
    rounds = np.array([[number.rounds for number in numbers]])
    values = graph.op("Where", graph.constant(rounds), graph.rounded_to_float32("numbers"), "numbers")
    fills = graph.constant(np.array([[number.fill for number in numbers]]))
    return graph.op("Where", graph.op("IsNaN", values), fills, values)


def _convert_step(graph: Graph, tensor: str, frame: pd.DataFrame, name: str, step: Any) -> tuple[str, pd.DataFrame]:
    """One step behind the probed ones; `frame` holds a few rows as they are at that point."""
    transformer, used = step.transformer, list(step._include)
    before = list(frame.columns)
    changed = step.transform(frame.copy())
    after = list(changed.columns)
    if hasattr(transformer, "get_support"):
        return graph.columns(tensor, [before.index(column) for column in after]), changed
    part = tensor if used == before else graph.columns(tensor, [before.index(column) for column in used])
    operations = _affine(transformer)
    if operations:
        in_float32 = changed[used].to_numpy().dtype == np.float32
        for operator, values in operations:
            part = graph.op(operator, part, graph.constant(np.asarray([values], np.float64)))
            part = graph.rounded_to_float32(part) if in_float32 else part
        made = used
    else:
        part, made = _converted_transformer(graph, part, name, transformer, len(used))
    kept = [column for column in before if column not in used]
    if kept:
        part = graph.concat([part, graph.columns(tensor, [before.index(column) for column in kept])])
    order = [*made, *kept]
    return (part if order == after else graph.columns(part, [order.index(column) for column in after])), changed


def _affine(transformer: Any) -> list[tuple[str, np.ndarray]]:
    """scikit-learn's scalers as the operations that numpy does, so that not one bit differs."""
    match type(transformer).__name__:
        case "StandardScaler":
            return [("Sub", transformer.mean_), ("Div", transformer.scale_)]
        case "RobustScaler":
            return [("Sub", transformer.center_), ("Div", transformer.scale_)]
        case "MinMaxScaler":
            return [("Mul", transformer.scale_), ("Add", transformer.min_)]
        case "MaxAbsScaler":
            return [("Div", transformer.scale_)]
    return []


def _converted_transformer(graph: Graph, tensor: str, name: str, transformer: Any, width: int) -> tuple[str, list[str]]:
    try:
        made = [str(column) for column in transformer.get_feature_names_out()]
        model = convert_sklearn(transformer, initial_types=[("x", DoubleTensorType([None, width]))], target_opset=OPSET)
    except Exception as error:
        raise NotPortableError(
            f"The step {name} ({type(transformer).__name__}) has no portable form: {error}"
        ) from error
    return graph.cast(graph.include(model, tensor)[0], TensorProto.DOUBLE), made


def _convert_estimator(graph: Graph, tensor: str, width: int, estimator: Any, precision: Precision) -> str:
    """Probabilities of the classes, or the number, in double. A vote is averaged here, each in its own precision."""
    if own := onnx_unsupervised.CONVERTERS.get(type(estimator).__name__):
        return own(graph, tensor, estimator)
    classifies = is_classifier(estimator)
    if classifies and not hasattr(estimator, "predict_proba"):
        raise NotPortableError(f"{type(estimator).__name__} gives no probabilities.")
    if type(estimator).__name__ in ("VotingClassifier", "VotingRegressor"):
        weights = np.asarray(estimator._weights_not_none or np.ones(len(estimator.estimators_)), np.float64)
        votes = [_convert_estimator(graph, tensor, width, voter, precision) for voter in estimator.estimators_]
        shares = (graph.constant(np.array([[weight]])) for weight in weights / weights.sum())
        return graph.op("Sum", *(graph.op("Mul", vote, share) for vote, share in zip(votes, shares, strict=True)))
    adapted = _adapted(copy.deepcopy(estimator))
    double = precision == "double" or (precision == "native" and not _computes_in_float32(estimator))
    kind, element = (DoubleTensorType, TensorProto.DOUBLE) if double else (FloatTensorType, TensorProto.FLOAT)
    onnx_lightgbm.register()
    try:
        model = convert_sklearn(
            adapted,
            initial_types=[("x", kind([None, width]))],
            target_opset=OPSET,
            options={id(adapted): {"zipmap": False}} if classifies else None,
        )
    except Exception as error:
        why = str(error).partition("\n")[0]
        raise NotPortableError(f"{type(estimator).__name__} has no portable form: {why}") from error
    answer = graph.include(model, graph.cast(tensor, element))[1 if classifies else 0]
    return graph.cast(answer, TensorProto.DOUBLE)


def _computes_in_float32(estimator: Any) -> bool:
    """scikit-learn's trees do; linear models and LightGBM compute in double."""
    return type(estimator).__module__.startswith(("sklearn.tree", "sklearn.ensemble"))


def _adapted(estimator: Any) -> Any:
    """An equivalent that skl2onnx gets right: not a linear discriminant of two classes, nor classes of eight bits."""
    if type(estimator).__name__ == "LinearDiscriminantAnalysis" and len(estimator.classes_) == 2:
        linear = LogisticRegression()
        linear.coef_, linear.intercept_, linear.classes_ = estimator.coef_, estimator.intercept_, estimator.classes_
        return linear
    if type(estimator).__name__ == "KNeighborsClassifier":
        estimator.classes_ = estimator.classes_.astype(np.int64)
    return estimator


def _columns(rows: pd.DataFrame, probes: Probes) -> list[dict[str, Any]]:
    """The columns as the bundle's schema lists them, numbers and categories each in the order of the model's inputs."""
    seen = {category.name: category.categories for category in probes.categories}
    columns: list[dict[str, Any]] = []
    for name in rows:
        nullable = bool(rows[name].isna().any())
        if name in seen:
            columns.append({"name": name, "type": "category", "nullable": nullable, "categories": sorted(seen[name])})
            continue
        kind = {"f": "number", "b": "boolean"}.get(rows[name].dtype.kind, "integer")
        limits = {"minimum": float(rows[name].min()), "maximum": float(rows[name].max())}
        columns.append({"name": name, "type": kind, "nullable": nullable, **limits})
    return columns
