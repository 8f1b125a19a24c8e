"""GET /monitoring: what `make monitor` has found, and how busy the API is, on one page."""

from __future__ import annotations

import contextlib
from typing import Any

from flask import Blueprint

from .. import governance
from ..layout import Layout, read_json
from ..monitoring import page
from . import load
from .load import Load


def blueprint(layout: Layout, samples: Load) -> Blueprint:
    pages = Blueprint("dashboard", __name__)

    @pages.get("/monitoring")
    def monitoring() -> str:
        """Alerts, drift, performance, decisions, and how busy the API is."""
        report: Any = None
        with contextlib.suppress(FileNotFoundError, ValueError):
            report = read_json(layout.monitoring / page.REPORT)
        return page.render(report, governance.decisions(layout), load.table(), samples.pictures())

    return pages
