"""The timeline of a replay in, a page with its curves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from ..layout import PACKAGE, replacing
from ..monitoring import charts
from ..monitoring.charts import Line


def write(months: Sequence[Mapping[str, Any]], measure: str, won: str, page: Path) -> None:
    names = [str(month["month"]) for month in months]
    marks = {
        place: f"v{month['version']}"
        for place, month in enumerate(months)
        if place == 0 or month["version"] != months[place - 1]["version"]
    }
    picture = charts.lines(
        f"{measure} by month",
        [
            Line("retrained", [month["live"] for month in months]),
            Line("champion as it was at first", [month["frozen"] for month in months]),
        ],
        names,
        marks,
    )
    environment, title = Environment(loader=PackageLoader(__package__, "."), autoescape=True), PACKAGE.replace("_", " ")
    body = environment.get_template("replay.html").render(title=title, months=months, picture=picture, won=won)
    with replacing(page) as temporary:
        temporary.write_text(charts.page(f"Replay – {title}", body), encoding="utf-8")
