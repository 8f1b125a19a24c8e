"""A monitoring report in, the page that people look at out: as a file, and at /monitoring of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from .. import governance
from ..layout import PACKAGE, Layout, replacing
from . import charts
from .charts import Line

REPORT, PAGE, DECISIONS = "monitoring.json", "index.html", 15


def write(report: Mapping[str, Any], layout: Layout) -> None:
    with replacing(layout.monitoring / PAGE) as temporary:
        temporary.write_text(render(report, governance.decisions(layout)), encoding="utf-8")


def render(
    report: Mapping[str, Any] | None,
    decisions: Sequence[Mapping[str, Any]],
    server: Mapping[str, str] | None = None,
    load: Sequence[Markup] = (),
) -> str:
    """`server` (name to text) and `load` (pictures) tell of the API that shows the page."""
    environment = Environment(loader=PackageLoader(__package__, "."), autoescape=True)
    title = PACKAGE.replace("_", " ")
    body = environment.get_template("page.html").render(
        title=title,
        report=report,
        pictures=pictures_of(report) if report and (report["windows"] or report["earlier"]) else [],
        decisions=decisions[-DECISIONS:][::-1],
        server=server,
        load=load,
    )
    return charts.page(f"Monitoring – {title}", body)


def pictures_of(report: Mapping[str, Any]) -> list[Markup]:
    """Performance, missing inputs, and drift by column, over the windows of all versions that the report knows."""
    windows = [*report["earlier"], *report["windows"]]
    names = [one["first"][:16].replace("T", " ") for one in windows]
    marks = {
        place: f"v{one['version']}"
        for place, one in enumerate(windows)
        if place == 0 or one["version"] != windows[place - 1]["version"]
    }
    drawn = []
    if report["reference"]:
        actual = [one.get("actual") for one in windows]
        drawn.append(
            charts.lines(
                f"{report['measure']} of {report['target']}, by window",
                [
                    Line(
                        "measured, 95 % interval",
                        [one and one["value"] for one in actual],
                        [one and (one["low"], one["high"]) for one in actual],
                    ),
                    Line("estimated before the truth came", [one.get("estimate") for one in windows], dashed=True),
                    Line("when tested", [report["reference"]["value"]] * len(windows), dashed=True),
                ],
                names,
                marks,
            )
        )
        coverage = [Line("rows with their truth", [one.get("coverage") for one in windows])]
        drawn.append(charts.lines("How much of the truth is there", coverage, names, marks))
        if any(one.get("lag_hours") is not None for one in windows):
            lag = [Line("median hours from an answer to its truth", [one.get("lag_hours") for one in windows])]
            drawn.append(charts.lines("How late the truth comes", lag, names, marks))
    shares = [
        Line("missing inputs", [one["missing"] for one in windows]),
        Line("answers without a number", [1 - one["answered"] for one in windows]),
    ]
    drawn.append(charts.lines("Share of missing inputs and of empty answers", shares, names, marks))
    title = "Drift by column and window: the darker, the further; outlined where it counts"
    drawn.append(charts.heat(title, _cells(windows)))
    return drawn


def _cells(windows: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[float, bool, str] | None]]:
    """Those columns first that differ most often."""
    columns = list({one["column"]: None for window in windows for one in window["columns"]})
    rows: dict[str, list[tuple[float, bool, str] | None]] = {}
    for column in columns:
        found = [next((one for one in window["columns"] if one["column"] == column), None) for window in windows]
        rows[column.replace("_actual", "truth")] = [
            one and (_depth(one), one["differs"], f"{one['detector']} {one['statistic']:.3f}") for one in found
        ]
    return dict(sorted(rows.items(), key=lambda row: -sum(bool(cell and cell[1]) for cell in row[1])))


def _depth(one: Mapping[str, Any]) -> float:
    """How far apart, 0 to 1; of a test whose statistic grows with the rows, how sure."""
    if one["detector"] in ("chi_squared", "cramer_von_mises"):
        return 0.6 if one["differs"] else 0.05
    return float(one["statistic"])
