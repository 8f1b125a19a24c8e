"""Sources in, new landings under DVC out. No stage of the graph: new data is an event, not a function of the code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from .. import dvc, governance, landing, sources
from ..config import Config, Source
from ..errors import ProjectError
from ..layout import Layout
from ..locks import exclusive


def run(config: Config, layout: Layout, *, further: bool = False, only: Sequence[str] = ()) -> None:
    """Land what is new of every source whose turn it is, or of the sources named in `only`.

    `further` lands one period more of the sources that come by periods.
    """
    unknown = [name for name in only if name not in config.sources]
    if unknown:
        raise ProjectError(f"No source {', '.join(unknown)} in conf/config.yaml. It has {', '.join(config.sources)}.")
    with exclusive("ingest", layout):
        try:
            for name in only or config.sources:
                if only or further or is_due(config.sources[name], landing.last_landed(name, layout)):
                    ingest(name, config.sources[name], layout, further=further)
                else:
                    print(f"ingest    {name}: not due yet (every {config.sources[name].every_hours:g} h)")
        finally:  # what the sources before a broken one have landed is versioned too
            if layout.landing.is_dir():
                dvc.run("add", "--quiet", "data/landing")


def ingest(name: str, source: Source, layout: Layout, *, further: bool = False) -> None:
    """Land what is new of one source. Raises ProjectError when it cannot be fetched; nothing is landed then."""
    with governance.recorded("ingest", layout) as record, landing.temporary(name, layout) as folder:
        landed = landing.landed_files(name, layout)
        try:
            fetched = sources.fetch(name, source, landed, folder, layout, further=further)
            made = landing.land(name, fetched, layout)
        except OSError as error:
            raise ProjectError(f"Source {name} could not be landed: {error}. Nothing was changed.") from error
        if made is None:
            print(f"ingest    {name}: nothing new", flush=True)
            return
        new = landing.read_manifest(made)
        record.facts = {"source": name, "landing": made.name, "files": len(new), "bytes": sum(one.bytes for one in new)}
        print(f"ingest    {name}: landed {len(new)} file(s) in {made}", flush=True)


def is_due(source: Source, last: datetime | None) -> bool:
    """Whether `every_hours` have passed since the newest landing."""
    return last is None or datetime.now(timezone.utc) - last >= timedelta(hours=source.every_hours)
