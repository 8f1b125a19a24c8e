"""The trained pipeline in, a bundle out: accepted only if it gives the same answers on the hold-out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import pandas as pd

from .. import registry
from ..config import Config
from ..errors import ProjectError
from ..layout import Layout, replacing, write_json
from ..models import automl, bundle, onnx_export
from . import split

TOLERANCE = 1e-4
"""Largest difference of a probability that counts as the same answer."""

REFERENCE_ROWS = 5000


def run(config: Config, layout: Layout) -> None:
    test = split.read(config, layout, "test").drop(columns=config.task.target)
    trained_on = pd.concat([split.read(config, layout, part) for part in ("train", "validation")], ignore_index=True)
    features = trained_on.drop(columns=config.task.target)
    pipeline = automl.load(layout.trained / "pipeline.joblib")
    run_id = json.loads((layout.trained / "run.json").read_text(encoding="utf-8"))["run_id"]
    metrics = json.loads((layout.results / "metrics.json").read_text(encoding="utf-8"))

    model, schema, parity = portable(config, pipeline, features, test)
    with replacing(layout.bundle) as folder:
        folder.mkdir()
        onnx.save(model, folder / bundle.MODEL)
        write_json(folder / bundle.SCHEMA, schema)
        write_json(
            folder / bundle.METADATA,
            {
                "run_id": run_id,
                "git_revision": registry.git_revision(layout),
                "model": type(pipeline.steps[-1][1]).__name__,
                "metrics": metrics,
                "parity": parity,
            },
        )
        reference = features.sample(min(REFERENCE_ROWS, len(features)), random_state=config.seed).sort_index()
        answers = automl.predict_proba(pipeline, reference)[:, schema["classes"].index(config.task.positive)]
        reference.assign(probability=answers).to_parquet(folder / bundle.REFERENCE, index=False)
        bundle.seal(folder)
    write_json(layout.results / "parity.json", parity)
    registry.log_evaluation(layout, run_id, metrics)
    print(f"export    bundle accepted: {parity['rows']:,} rows, largest difference {parity['largest_difference']:.1e}")


def portable(
    config: Config, pipeline: Any, features: pd.DataFrame, test: pd.DataFrame
) -> tuple[onnx.ModelProto, dict[str, Any], dict[str, Any]]:
    """Model, schema and parity report; float32 first, double where that differs. Raises ProjectError if both do."""
    challenge = challenging(test)
    expected = automl.predict_proba(pipeline, challenge)
    reports = []
    for double in (False, True):
        model, columns = onnx_export.export(pipeline, features, double=double)
        schema = {
            "target": config.task.target,
            "positive": config.task.positive,
            "classes": automl.classes(pipeline),
            "columns": columns,
            "example": as_rows(test.dropna().head(1))[0],
        }
        report = {"precision": "double" if double else "float32", **compare(model, schema, challenge, expected)}
        if report["same"]:
            return model, schema, report
        reports.append(report)
    raise ProjectError(
        f"The portable model does not answer as the pipeline does, so it is not accepted: {reports}. "
        "Leave that model out of automl.models (conf/automl/)."
    )


def challenging(test: pd.DataFrame) -> pd.DataFrame:
    """The hold-out, and once more with every column in turn missing or, where it is text, never seen."""
    parts = [test]
    few = test.head(20)
    for name in test:
        parts.append(
            few.assign(
                **{
                    name: pd.Series(
                        np.nan, index=few.index, dtype=test[name].dtype if test[name].dtype == object else float
                    )
                }
            )
        )
        if test[name].dtype == object:
            parts.append(few.assign(**{name: "never seen"}))
    return pd.concat(parts, ignore_index=True)


def compare(model: onnx.ModelProto, schema: dict[str, Any], rows: pd.DataFrame, expected: np.ndarray) -> dict[str, Any]:
    """Probabilities and labels of the portable model against `expected` (rows by classes)."""
    loaded = bundle.Bundle(model.SerializeToString(), bundle.schema_from(schema), {})
    answers = loaded.probabilities(as_rows(rows))
    difference = np.abs(answers - expected).max(axis=1)
    best, second = np.sort(expected, axis=1)[:, :-3:-1].T
    decided = best - second > TOLERANCE
    labels_differ = int((decided & (answers.argmax(axis=1) != expected.argmax(axis=1))).sum())
    return {
        "rows": len(rows),
        "largest_difference": float(difference.max()),
        "labels_differ": labels_differ,
        "same": bool((difference <= TOLERANCE).all() and not labels_differ),
    }


def as_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as a client would send them: plain Python values, None where missing."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")
