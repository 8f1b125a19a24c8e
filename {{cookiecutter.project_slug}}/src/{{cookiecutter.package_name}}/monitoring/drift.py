"""The logged predictions and the model's own reference in, one drift report out.

numpy decides, Evidently (imported late, it takes seconds) draws the report that people look at.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pandas as pd

from .. import deployment
from ..config import Config, Monitoring
from ..layout import Layout, replacing, write_json
from ..models.bundle import REFERENCE, SCORE
from .store import Prediction, PredictionLog

BINS = 10


@dataclass(frozen=True)
class ColumnDrift:
    """`psi` is the population stability index against the reference."""

    name: str
    psi: float
    drifted: bool


@dataclass(frozen=True)
class DriftReport:
    """`columns` is empty and `drifted_share` None when too few predictions were logged for a verdict."""

    model_version: str
    rows: int
    reference_rows: int
    columns: list[ColumnDrift]
    drifted_share: float | None
    sentence: str


def run(config: Config, layout: Layout) -> DriftReport:
    """Writes results/monitoring/drift.json and, with a verdict, drift.html."""
    current = deployment.required(layout)
    reference = pd.read_parquet(layout.deploy / current.champion.bundle / REFERENCE)
    log = PredictionLog(config.monitoring.prediction_log, layout)
    logged = as_frame(log.newest(current.champion.version, config.monitoring.window), reference)
    report = compare(current.champion.version, logged, reference, config.monitoring)
    folder = layout.results / "monitoring"
    write_json(folder / "drift.json", {"made": datetime.now(timezone.utc).isoformat(), **asdict(report)})
    if report.columns:
        with replacing(folder / "drift.html") as page:
            write_page(logged, reference, config.monitoring.psi_threshold, page)
    return report


def as_frame(predictions: list[Prediction], reference: pd.DataFrame) -> pd.DataFrame:
    """Inputs and score of the logged predictions, with the columns and types of `reference`."""
    rows = [{**prediction.inputs, SCORE: prediction.score} for prediction in predictions]
    logged = pd.DataFrame(rows, columns=list(reference.columns))
    numeric = reference.select_dtypes("number").columns
    return logged.astype(dict.fromkeys(numeric, float))


def compare(version: str, logged: pd.DataFrame, reference: pd.DataFrame, policy: Monitoring) -> DriftReport:
    """PSI of every column; a column has drifted above `policy.psi_threshold`."""
    where = f"{len(logged):,} predictions of version {version} against {len(reference):,} reference rows"
    if len(logged) < policy.min_rows:
        sentence = f"monitor   {where}: too few for a verdict, {policy.min_rows:,} are needed"
        return DriftReport(version, len(logged), len(reference), [], None, sentence)
    indices = {name: population_stability_index(reference[name], logged[name]) for name in reference}
    columns = [ColumnDrift(str(name), round(psi, 4), psi > policy.psi_threshold) for name, psi in indices.items()]
    columns.sort(key=lambda column: -column.psi)
    drifted = [column.name for column in columns if column.drifted]
    sentence = f"monitor   {where}: {len(drifted)} of {len(columns)} columns drifted" + (
        f" ({', '.join(drifted)})" if drifted else ""
    )
    return DriftReport(version, len(logged), len(reference), columns, len(drifted) / len(columns), sentence)


def population_stability_index(reference: pd.Series, current: pd.Series) -> float:
    """Over ten quantile bins of a numeric `reference`, or its categories; missing values are a bin of their own.

    0 = same, 0.1 to 0.25 = moved, above 0.25 = shifted (Siddiqi 2006). An empty bin counts as half a row.
    """
    if pd.api.types.is_numeric_dtype(reference):
        edges = np.unique(reference.quantile(np.linspace(0, 1, BINS + 1)[1:-1]).dropna())
        reference, current = (
            pd.Series(np.searchsorted(edges, side), index=side.index).where(side.notna())
            for side in (reference, current)
        )
    expected, actual = (
        side.astype(object).where(side.notna(), "missing").value_counts() for side in (reference, current)
    )
    bins = expected.index.union(actual.index)
    expected, actual = (side.reindex(bins, fill_value=0).clip(lower=0.5) / side.sum() for side in (expected, actual))
    return float(((actual - expected) * np.log(actual / expected)).sum())


def write_page(logged: pd.DataFrame, reference: pd.DataFrame, threshold: float, page: Path) -> None:
    """Evidently's drift report, by the same index and threshold as the verdict."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    numeric = list(reference.select_dtypes("number").columns)
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in reference if name not in numeric]
    )
    preset = DataDriftPreset(method="psi", threshold=threshold)
    current, past = (Dataset.from_pandas(frame, data_definition=definition) for frame in (logged, reference))
    Report([preset]).run(current, past).save_html(str(page))
