"""A source in, whole files in a temporary landing out: one module a kind of source, one function each.

`fetch` finds the module. What was landed before is handed to it, so that only what is new is fetched.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from ..config import FolderSource, Source
from ..landing import Fetched, Landed, landed_files
from ..layout import Layout

MODULES = {"file": "files", "folder": "files", "rest": "rest", "sql": "sql", "html": "html"}


def fetch(
    name: str, source: Source, landed: list[Landed], folder: Path, layout: Layout, *, further: bool = False
) -> list[Fetched]:
    """Write what is new of `source` as whole files into `folder`. Raises ProjectError that says what went wrong.

    `further` lands one period more than was landed so far, of a source that comes by periods.
    """
    module = importlib.import_module(f".{MODULES[source.kind]}", __name__)
    if isinstance(source, FolderSource):
        return list(module.fetch_folder(source, landed, folder, layout, further=further))
    return list(module.fetch(name, source, landed, folder, layout))


def waiting_periods(sources: Mapping[str, Source], layout: Layout) -> list[str]:
    """The periods that the sources offer and that are not landed yet, oldest first."""
    from . import files

    waiting = {
        period
        for name, source in sources.items()
        if isinstance(source, FolderSource)
        for period in files.waiting_periods(source, landed_files(name, layout), layout)
    }
    return sorted(waiting)
