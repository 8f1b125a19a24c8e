"""The trained model in, a bundle out: accepted only if it gives the same answers on the hold-out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx
import pandas as pd

from .. import governance, kinds, registry
from ..config import Config
from ..errors import ProjectError
from ..kinds.kind import TOLERANCE
from ..layout import Layout, read_json, replacing, write_json
from ..locks import exclusive
from ..models import automl, bundle, onnx_export
from ..models.automl import Model
from . import card, split

REFERENCE_ROWS = 5000


def run(config: Config, layout: Layout) -> None:
    with exclusive("export", layout), governance.recorded("export", layout, layout.splits, layout.trained):
        parts = {part: split.read(config, layout, part) for part in split.PARTS}
        model = automl.load(layout.trained / "model.joblib")
        run_id = read_json(layout.trained / "run.json")["run_id"]
        metrics = read_json(layout.results / "metrics.json")
        origin = {"run_id": run_id, "git_revision": governance.git_revision(layout), "metrics": metrics}
        parity = write(config, model, parts, origin, layout.bundle)
        write_json(layout.results / "parity.json", parity)
        trained_on = len(parts["train"]) + len(parts["validation"])
        card.write(config, layout, type(model.estimator).__name__, trained_on, parity)
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
    features, test = (
        pd.concat([parts[name] for name in names], ignore_index=True).drop(columns=config.task.target)
        for names in (("train", "validation"), ("test",))
    )
    converted, schema, parity = portable(config, model, features, test)
    reference = features.sample(min(REFERENCE_ROWS, len(features)), random_state=config.seed).sort_index()
    with replacing(target) as folder:
        folder.mkdir()
        onnx.save(converted, folder / bundle.MODEL)
        write_json(folder / bundle.SCHEMA, schema)
        estimator = type(model.estimator).__name__
        write_json(folder / bundle.METADATA, {**origin, "model": estimator, "parity": parity})
        reference.assign(**{bundle.SCORE: model.scores(reference)}).to_parquet(folder / bundle.REFERENCE, index=False)
        bundle.seal(folder)
    return parity


def portable(
    config: Config, model: Model, features: pd.DataFrame, test: pd.DataFrame
) -> tuple[onnx.ModelProto, dict[str, Any], dict[str, Any]]:
    """Model, schema and parity report, in the first precision in which it answers as `model` does.

    Raises ProjectError, with what was tried, when there is none.
    """
    challenge = challenging(test)
    expected = model.outputs(challenge)
    tried = []
    for precision in get_args(onnx_export.Precision):
        try:
            converted, columns = onnx_export.export(model, features, precision)
            schema = {
                "kind": model.kind,
                "target": config.task.target,
                "classes": list(model.classes),
                "columns": columns,
                "example": as_rows(split.most_complete(test, 1))[0],
            }
            report = {"precision": precision, **compare(converted, schema, challenge, expected)}
        except ProjectError as error:
            tried.append(f"{precision}: {error}")
            continue
        if report["same"]:
            return converted, schema, report
        tried.append(f"{precision}: off by up to {report['largest_difference']:.2g}, {report['labels_differ']} labels")
    raise ProjectError(
        "The portable model does not answer as the trained one does, so it is not accepted:\n  "
        + "\n  ".join(tried)
        + "\nLeave that model out of automl.models (conf/automl/)."
    )


def challenging(test: pd.DataFrame) -> pd.DataFrame:
    """The hold-out, and some of it once more with every column in turn missing or, where it is text, never seen."""
    few = test.head(20)
    texts = [str(name) for name in test if test[name].dtype == object]
    missing = [few.assign(**{str(name): None if name in texts else np.nan}) for name in test]
    never_seen = [few.assign(**{name: "never seen"}) for name in texts]
    return pd.concat([test, *missing, *never_seen], ignore_index=True)


def compare(model: onnx.ModelProto, schema: dict[str, Any], rows: pd.DataFrame, expected: np.ndarray) -> dict[str, Any]:
    """The outputs of the portable model, and what they decide, against `expected` (rows by outputs)."""
    loaded = bundle.Bundle(model.SerializeToString(), bundle.schema_from(schema), {})
    difference, labels_differ = kinds.of(loaded.schema.kind).differences(expected, loaded.outputs(as_rows(rows)))
    return {
        "rows": len(rows),
        "largest_difference": float(difference.max()),
        "labels_differ": labels_differ,
        "same": bool((difference <= TOLERANCE).all() and not labels_differ),
    }


def as_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as a client would send them: plain Python values, None where missing."""
    rows: list[dict[str, Any]] = frame.astype(object).where(frame.notna(), None).to_dict("records")  # type: ignore[assignment]
    return rows
