"""Where each thing lives, and how a file is written so that nobody ever sees half of it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

REPLACED = "replaced"

PACKAGE = __name__.split(".")[0]
"""The name of this package, which the registered model and the title of the API carry too."""


@dataclass(frozen=True)
class Layout:
    """The folders of a project whose root is `root`."""

    root: Path = Path()

    @property
    def params(self) -> Path:
        return self.root / "params.yaml"

    @property
    def conf(self) -> Path:
        return self.root / "conf"

    @property
    def schemas(self) -> Path:
        return self.conf / "schema"

    @property
    def sql(self) -> Path:
        return self.root / "sql"

    @property
    def landing(self) -> Path:
        return self.root / "data" / "landing"

    @property
    def incoming(self) -> Path:
        """Where a fetch writes before its files are whole; never versioned, emptied by the next one."""
        return self.root / "data" / ".incoming"

    @property
    def spill(self) -> Path:
        """Where DuckDB puts what does not fit into its memory."""
        return self.root / "data" / ".spill"

    @property
    def locks(self) -> Path:
        return self.root / "data" / ".locks"

    @property
    def warehouse(self) -> Path:
        return self.root / "data" / "warehouse.duckdb"

    @property
    def formatted(self) -> Path:
        return self.root / "data" / "formatted"

    @property
    def trusted(self) -> Path:
        return self.root / "data" / "trusted"

    @property
    def exploitation(self) -> Path:
        return self.root / "data" / "exploitation"

    @property
    def splits(self) -> Path:
        return self.root / "data" / "splits"

    @property
    def quarantine(self) -> Path:
        return self.root / "data" / "quarantine"

    @property
    def trained(self) -> Path:
        return self.root / "models" / "trained"

    @property
    def bundle(self) -> Path:
        return self.root / "models" / "bundle"

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def governance(self) -> Path:
        return self.results / "governance"

    @property
    def monitoring(self) -> Path:
        return self.results / "monitoring"

    @property
    def comparison(self) -> Path:
        return self.results / "comparison"

    @property
    def simulation(self) -> Path:
        return self.results / "simulation"

    @property
    def deploy(self) -> Path:
        return self.root / "deploy"

    @property
    def deployment(self) -> Path:
        return self.deploy / "deployment.json"

    @property
    def journal(self) -> Path:
        """Answered requests on their way to the prediction log."""
        return self.root / "data" / "predictions.journal"

    @property
    def keys(self) -> Path:
        """The API keys, as hashes."""
        return self.deploy / "keys.json"


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on success it takes the place of `target`.

    The body writes a file or makes a folder there. On an error, or when the process is killed,
    `target` is left as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear_after_the_dead(target)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-{os.getpid()}-", dir=target.parent))
    try:
        temporary = scratch / target.name
        yield temporary
        if target.is_dir():
            target.rename(scratch / REPLACED)
        temporary.replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _clear_after_the_dead(target: Path) -> None:
    """Remove what killed processes have left beside `target`, and give back what they had put aside."""
    for scratch in target.parent.glob(f".{target.name}-*-*"):
        owner = scratch.name.removeprefix(f".{target.name}-").split("-")[0]
        if not owner.isdigit() or psutil.pid_exists(int(owner)):
            continue
        if not target.exists() and (scratch / REPLACED).exists():
            (scratch / REPLACED).rename(target)
        shutil.rmtree(scratch, ignore_errors=True)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(target: Path, value: Any) -> None:
    """`value` as indented JSON with its keys in the order given, in one move."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    with replacing(target) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
