"""conf/ in, a bundle out: compose, make the schemas that are missing, run the stages that changed."""

from __future__ import annotations

from .. import compose, config, dvc, lineage, warehouse
from ..layout import Layout
from . import infer


def run(layout: Layout) -> None:
    """Also brings the catalogue and the OpenLineage events up to date. Raises ProjectError when a stage fails."""
    compose.write(layout)
    infer.make_missing(config.load(layout), layout)
    try:
        dvc.run("repro")
    finally:
        lineage.write_events(layout)
    warehouse.catalogue(layout)
