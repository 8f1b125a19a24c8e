"""From a prediction back to the landed files; and the run log as OpenLineage events."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from . import governance, landing
from .config import Config
from .errors import ProjectError
from .layout import PACKAGE, Layout
from .warehouse import columns, parquet

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

EVENTS = "openlineage.jsonl"
PRODUCER = f"urn:{PACKAGE}"
ZONES = {"format": "formatted", "trust": "trusted", "exploit": "exploitation", "split": "splits"}
"""The zone that a step writes."""


def trace(config: Config, layout: Layout, prediction: str | None, version: str | None) -> str:
    """What answered, how it was made and from which landed files, as text of a few lines.

    Raises ProjectError when the prediction, the version or the state of the landing zone is not known here.
    """
    from . import registry
    from .monitoring.store import PredictionLog

    lines = []
    if version is None:
        found = PredictionLog(config.monitoring.prediction_log, layout).find(prediction)
        if found is None:
            asked = f"no prediction {prediction}" if prediction else "no prediction yet"
            raise ProjectError(
                f"{asked} in the prediction log; `lineage --version N` starts at a version of the model."
            )
        version = found.model_version
        lines.append(f"prediction  {found.prediction_id}, answered {found.answer}")
    run = registry.run_of(layout, version)
    lines.append(f"model       version {version}, {run.tags.get('estimator', 'unknown')}, MLflow run {run.run_id}")
    lines.append(f"code        git {run.tags.get('git_revision', 'none')}")
    hashes = {name.removeprefix("dvc."): value for name, value in run.tags.items() if name.startswith("dvc.")}
    for name in ("data/splits", "data/exploitation", "data/trusted", "data/formatted", "data/landing"):
        lines.append(f"data        {name:<18} md5 {hashes.get(name, 'unknown')}")
    lines += [f"landed      {line}" for line in landed_at(layout, hashes.get("data/landing"))]
    return "\n".join(lines)


def landed_at(layout: Layout, md5: str | None) -> list[str]:
    """The files of the landing zone in the version `md5`, each with its address and SHA-256."""
    listing = layout.root / ".dvc" / "cache" / "files" / "md5" / (md5 or "none")[:2] / (md5 or "none")[2:]
    if not listing.is_file():
        return [f"version {md5} of the landing zone is not in DVC's cache: `dvc fetch data/landing.dvc` gets it"]
    names = {entry["relpath"] for entry in json.loads(listing.read_text(encoding="utf-8"))}
    manifests = sorted(name for name in names if name.endswith(f"/{landing.MANIFEST}"))
    lines = []
    for manifest in manifests:
        folder = layout.landing / Path(manifest).parent
        if not folder.is_dir():
            lines.append(f"{folder}: not in the workspace, `dvc checkout` brings it back")
            continue
        lines += [
            f"{folder / entry.name}  from {entry.address}  sha256 {entry.sha256[:16]}…"
            for entry in landing.read_manifest(folder)
        ]
    return lines


def write_events(layout: Layout) -> None:
    """Append an OpenLineage event for each line of the run log that has none yet (OpenLineage 2-0-2)."""
    path = layout.governance / EVENTS
    known = len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else 0
    new = governance.runs(layout)[known:]
    if not new:
        return
    from openlineage.client.serde import Serde

    with path.open("a", encoding="utf-8") as events:
        for number, entry in enumerate(new, start=known):
            events.write(Serde.to_json(event(entry, number, layout)) + "\n")


def event(entry: dict[str, Any], number: int, layout: Layout) -> RunEvent:
    """One run of a step: what it read, what it wrote with columns and rows, and where each column comes from."""
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import error_message_run
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    failed = entry["outcome"] == "failed"
    error: dict[str, Any] = (
        {"errorMessage": error_message_run.ErrorMessageRunFacet(entry.get("error", ""), "python")} if failed else {}
    )
    zone = ZONES.get(entry["step"])
    return RunEvent(
        eventType=RunState.FAIL if failed else RunState.COMPLETE,
        eventTime=entry["began"],
        run=Run(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PACKAGE}/{number}/{entry['began']}")), error),
        job=Job(PACKAGE, entry["step"]),
        inputs=[InputDataset(PACKAGE, path) for path in entry["reads"]],
        outputs=[
            OutputDataset(
                namespace=PACKAGE,
                name=f"{zone}.{name}",
                facets=facets_of(layout, zone, name),
                outputFacets={"outputStatistics": statistics.OutputStatisticsOutputDatasetFacet(counts["rows_out"])},
            )
            for name, counts in entry["tables"].items()
            if zone and not failed
        ],
        producer=PRODUCER,
    )


def facets_of(layout: Layout, zone: str, name: str) -> dict[str, Any]:
    """Columns and types of a table as it is now, and from which columns of the zone before each one is made."""
    from openlineage.client.facet_v2 import column_lineage_dataset as lineage
    from openlineage.client.facet_v2 import schema_dataset as schema

    folder = layout.root / "data" / zone
    path = next((path for path in (folder / f"{name}.parquet", folder / name) if path.exists()), None)
    if path is None:
        return {}
    with duckdb.connect() as connection:
        types = columns(connection, parquet(path))
    facets: dict[str, Any] = {
        "schema": schema.SchemaDatasetFacet(
            [schema.SchemaDatasetFacetFields(column, kind) for column, kind in types.items()]
        )
    }
    fields = {
        column: lineage.Fields([lineage.InputField(PACKAGE, table, name) for table, name in found])
        for column, found in column_sources(layout, zone, name, list(types)).items()
        if found
    }
    if fields:
        facets["columnLineage"] = lineage.ColumnLineageDatasetFacet(fields)
    return facets


def column_sources(layout: Layout, zone: str, name: str, names: list[str]) -> dict[str, list[tuple[str, str]]]:
    """Column of a table to (table, column) pairs of the zone before; empty where nothing is known."""
    mapping = layout.root / "data" / zone / "columns.json"
    known = json.loads(mapping.read_text(encoding="utf-8")).get(name, {}) if mapping.is_file() else {}
    if zone == "formatted":
        return {column: [(f"landing.{name}", found["from"])] for column, found in known.items()}
    if zone == "exploitation":
        return {
            column: [(f"trusted.{one.split('.')[0]}", one.split(".")[1]) for one in found]
            for column, found in known.items()
        }
    return {column: [(f"formatted.{name}", column)] for column in names} if zone == "trusted" else {}
