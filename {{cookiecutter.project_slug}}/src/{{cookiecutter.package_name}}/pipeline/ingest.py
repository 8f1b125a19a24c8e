"""Source in, a new landing under DVC out. No stage of the graph: new data is an event, not a function of the code."""

from __future__ import annotations

from .. import dvc, sources
from ..config import Config
from ..layout import Layout


def run(config: Config, layout: Layout, *, further: bool) -> None:
    """Land the first periods of the source; with `further`, one period more than was landed so far."""
    landing = sources.ingest(config.source, layout, further=further)
    if landing:
        print(f"ingest    landed {len(list(landing.iterdir())) - 1} files in {landing}", flush=True)
    else:
        print("ingest    nothing new")
    dvc.run("add", "--quiet", "data/landing")
