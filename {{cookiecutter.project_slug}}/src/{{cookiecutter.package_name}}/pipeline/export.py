"""The trained model in, a bundle out: accepted only if it gives the same answers on the hold-out."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd

from .. import governance, registry
from ..config import Config
from ..errors import ProjectError
from ..kinds.kind import TOLERANCE, Kind
from ..layout import Layout, read_json, replacing, write_json
from ..locks import exclusive
from ..models import automl, bundle, native, onnx_export
from ..models.automl import Model
from . import card, split

REFERENCE_ROWS, BACKGROUND_ROWS = 5000, 20
FAR = 10
FORMS: dict[str, onnx_export.Precision | None] = {
    "ONNX": "native",
    "ONNX in double": "double",
    "ONNX in float32": "float32",
    "ONNX and skops": None,
}
"""The forms that are tried, and the precision that the estimator then computes in."""


def run(config: Config, layout: Layout) -> None:
    with exclusive("export", layout), governance.recorded("export", layout, layout.splits, layout.trained):
        parts = split.read_all(config, layout)
        model = automl.load(layout.trained / "model.joblib")
        run_id = read_json(layout.trained / "run.json")["run_id"]
        metrics = read_json(layout.results / "metrics.json")
        origin = {"run_id": run_id, "git_revision": governance.git_revision(layout), "metrics": metrics}
        parity = write(config, model, parts, origin, layout.bundle)
        write_json(layout.results / "parity.json", parity)
        learnt = ("train", "validation") if model.kind.by_row else split.PARTS
        trained_on = sum(len(parts[part]) for part in learnt)
        card.write(config, layout, type(model.estimator).__name__, trained_on, parity)
        shutil.copyfile(layout.results / card.PAGE, layout.bundle / bundle.CARD)
        bundle.seal(layout.bundle)
        registry.log_evaluation(layout, run_id, metrics)
        print(
            f"export    bundle accepted: {parity['rows']:,} rows, largest difference {parity['largest_difference']:.1e}"
        )


def write(
    config: Config, model: Model, parts: dict[str, pd.DataFrame], origin: dict[str, Any], target: Path
) -> dict[str, Any]:
    """Make the bundle `target` and return its parity report; `origin` goes into its metadata.

    `parts` hold features and target. Raises ProjectError, and leaves `target` as it was, when the
    portable model does not answer as `model` does.
    """
    model, features, test = model.kind.deployable(model, parts)
    made = portable(config, model, features, test)
    watched = reference_rows(model, parts["test"], test, config.seed)
    with replacing(target) as folder:
        folder.mkdir()
        onnx.save(made.model, folder / bundle.MODEL)
        if made.estimator:
            (folder / bundle.ESTIMATOR).write_bytes(made.estimator)
        write_json(folder / bundle.SCHEMA, made.schema)
        name = type(model.estimator).__name__
        write_json(
            folder / bundle.BACKGROUND,
            as_columns(features.sample(min(BACKGROUND_ROWS, len(features)), random_state=config.seed)),
        )
        write_json(folder / bundle.METADATA, {**origin, "model": name, "parity": made.parity})
        watched.to_parquet(folder / bundle.REFERENCE, index=False)
        bundle.seal(folder)
    return made.parity


def reference_rows(model: Model, part: pd.DataFrame, test: pd.DataFrame, seed: int) -> pd.DataFrame:
    """What production is compared with: rows that the model has not learnt from, what it answers and what was true.

    `test` are the features that the model is asked with, `part` the same rows with their target.
    """
    rows = test.assign(**{bundle.SCORE: model.scores(test)})
    if model.kind.by_row and model.task.target:
        rows = rows.assign(**{bundle.ACTUAL: part[model.task.target].to_numpy()})
    return rows.sample(min(REFERENCE_ROWS, len(rows)), random_state=seed).sort_index()


@dataclass(frozen=True)
class Portable:
    """What a bundle is made of; `estimator` is None where `model` holds it."""

    model: onnx.ModelProto
    estimator: bytes | None
    schema: dict[str, Any]
    parity: dict[str, Any]


def portable(config: Config, model: Model, features: pd.DataFrame, test: pd.DataFrame) -> Portable:
    """The first form in which it answers as `model` does.

    That is ONNX, in the precision of the estimator's library or another; else ONNX for the preparation and skops for
    the estimator. Raises ProjectError, with what was tried, when there is none.
    """
    kind = model.kind
    challenge = challenging(test) if kind.by_row else test
    expected = model.outputs(challenge)
    tried = []
    for form, precision in FORMS.items():
        try:
            converted, columns = onnx_export.export(model, features, precision)
            estimator = None if precision else native.dump(model.estimator)
            schema = {
                "kind": model.task.kind,
                "target": kind.asks_for(),
                "classes": list(model.classes),
                "costs": kind.costs(model.classes).tolist(),
                "columns": columns,
                "example": as_rows(split.most_complete(test, 1))[0],
            }
            report = {"form": form, **compare(kind, converted, estimator, schema, challenge, expected)}
        except ProjectError as error:
            tried.append(f"{form}: {error}")
            continue
        if report["same"]:
            if estimator:
                print("export    no ONNX form, so that serving needs the group native:", *tried, sep="\n  ", flush=True)
            return Portable(converted, estimator, schema, report)
        tried.append(f"{form}: off by up to {report['largest_difference']:.2g}, {report['labels_differ']} labels")
    raise ProjectError(
        "The portable model does not answer as the trained one does, so it is not accepted:\n  "
        + "\n  ".join(tried)
        + "\nLeave that model out of automl.models (conf/automl/)."
    )


def challenging(test: pd.DataFrame) -> pd.DataFrame:
    """The hold-out, and some of it once more with every column in turn missing and, where it is text, never seen, or,
    where it is a number, as far outside of what the hold-out holds as ten times its range.
    """
    few = test.head(20)
    texts = [str(name) for name in test if test[name].dtype == object]
    changed = [few.assign(**{str(name): None if name in texts else np.nan}) for name in test]
    changed += [few.assign(**{name: "never seen"}) for name in texts]
    for name in map(str, test.select_dtypes("number")):
        low, high = test[name].min(), test[name].max()
        changed += [few.assign(**{name: end}) for end in (low - FAR * (high - low), high + FAR * (high - low))]
    return pd.concat([test, *changed], ignore_index=True)


def compare(
    kind: Kind[Any],
    model: onnx.ModelProto,
    estimator: bytes | None,
    schema: dict[str, Any],
    rows: pd.DataFrame,
    expected: np.ndarray,
) -> dict[str, Any]:
    """The outputs of the portable model, and what they decide, against `expected` (rows by outputs)."""
    loaded = bundle.Bundle(model.SerializeToString(), bundle.schema_from(schema), {}, estimator)
    answers = loaded.outputs(as_columns(rows))
    difference, labels_differ = kind.differences(expected, answers, loaded.schema.classes)
    return {
        "rows": len(rows),
        "largest_difference": float(difference.max()),
        "labels_differ": labels_differ,
        "same": bool((difference <= TOLERANCE).all() and not labels_differ),
    }


def as_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as a client would send them: plain Python values, None where missing."""
    rows: list[dict[str, Any]] = _plain(frame).to_dict("records")  # type: ignore[assignment]
    return rows


def as_columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Rows as a bundle takes them, in the values of `as_rows`."""
    return {str(name): values.tolist() for name, values in _plain(frame).items()}


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype(object).where(frame.notna(), None)
