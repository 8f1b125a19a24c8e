"""The run log: one line a step in `results/governance/runs.jsonl`, with what it read, counted and cost."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil
import yaml

from .landing import MANIFEST, feed
from .layout import Layout

RUNS = "runs.jsonl"
DECISIONS = "decisions.jsonl"
COUNTS = ("rows_in", "rows_out", "quarantined", "duplicates")


@dataclass
class Record:
    """What a step notes while it runs: rows a table, and what else is worth knowing."""

    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def table(self, name: str, **counts: int) -> None:
        """`counts` are of rows: rows_in, rows_out, quarantined, duplicates."""
        self.tables[name] = counts


@contextmanager
def recorded(step: str, layout: Layout, *reads: Path) -> Iterator[Record]:
    """Append a line about the step to the run log, also when it fails. `reads` are the files or folders it reads."""
    record, began, started = Record(), datetime.now(timezone.utc), time.monotonic()
    inputs = {path.relative_to(layout.root).as_posix(): content_hash(path) for path in reads if path.exists()}
    outcome = "failed"
    try:
        yield record
        outcome = "done"
    except BaseException as error:
        record.facts["error"] = str(error) or type(error).__name__
        raise
    finally:
        tables = record.tables.values()
        entry = {
            "step": step,
            "outcome": outcome,
            "began": began.isoformat(timespec="milliseconds"),
            "seconds": round(time.monotonic() - started, 3),
            "peak_memory_mb": peak_memory_mb(),
            "git_revision": git_revision(layout),
            "reads": inputs,
            **{name: sum(counts.get(name, 0) for counts in tables) for name in COUNTS},
            "tables": record.tables,
            **record.facts,
        }
        _append(entry, layout, RUNS)


def decided(layout: Layout, decision: str, *, version: str | None, why: str, **facts: Any) -> None:
    """Append a line to the audit trail: what was decided on a version of the model, when, by whom and why."""
    entry = {
        "decision": decision,
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "who": _user(layout),
        "version": version,
        "why": why,
        **facts,
    }
    _append(entry, layout, DECISIONS)


def _append(entry: dict[str, Any], layout: Layout, name: str) -> None:
    layout.governance.mkdir(parents=True, exist_ok=True)
    with (layout.governance / name).open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry, ensure_ascii=False) + "\n")


def runs(layout: Layout) -> list[dict[str, Any]]:
    """The run log, oldest first."""
    return read_lines(layout.governance / RUNS)


def decisions(layout: Layout) -> list[dict[str, Any]]:
    """The audit trail, oldest first."""
    return read_lines(layout.governance / DECISIONS)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """A file of JSON lines; one that a killed process has left unfinished is passed over."""
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return entries


def content_hash(path: Path) -> str:
    """SHA-256 over the names and contents of a file or of all files in a folder.

    Of a landing its manifest is enough, which holds the SHA-256 of each of its files.
    """
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        landed = file.name != MANIFEST and (file.parent / MANIFEST).is_file()
        if landed or not file.is_file():
            continue
        digest.update(file.relative_to(path).as_posix().encode())
        feed(digest, file)
    return digest.hexdigest()


def peak_memory_mb() -> float:
    """The most memory that this process has held so far, in megabytes."""
    try:
        import resource
    except ImportError:  # Windows counts it elsewhere
        return round(float(psutil.Process().memory_info().peak_wset) / 1e6, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)


def git_revision(layout: Layout) -> str:
    """The commit, with `-dirty` when files differ from it; `none` outside a repository."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=layout.root, capture_output=True, encoding="utf-8", check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return described.stdout.strip()


CODE = ("conf", "data", "dvc.lock", "dvc.yaml", "metadata.yaml", "params.yaml", "pyproject.toml", "sql", "src")
"""What a model is made of that git keeps."""


def uncommitted(layout: Layout) -> bytes:
    """What of CODE differs from the commit, also files that git does not know yet, as a patch; empty outside git."""
    known = [name for name in CODE if (layout.root / name).exists()]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GIT_INDEX_FILE": str(Path(folder) / "index")}

        def git(*arguments: str) -> bytes:
            command = ["git", *arguments]
            return subprocess.run(command, cwd=layout.root, env=environment, capture_output=True, check=True).stdout

        try:
            git("read-tree", "HEAD")
            git("add", "--all", "--", *known)
            return git("diff", "--cached", "--binary", "HEAD", "--", *known)
        except (OSError, subprocess.CalledProcessError):
            return b""


def lock_hash(layout: Layout) -> str:
    """SHA-256 of poetry.lock, which stands for the environment; `none` where there is none."""
    lock = layout.root / "poetry.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "none"


def _user(layout: Layout) -> str:
    """As git knows the user, else by the name of the account."""
    try:
        asked = ["git", "config", "user.name"]
        told = subprocess.run(asked, cwd=layout.root, capture_output=True, encoding="utf-8").stdout.strip()
    except OSError:
        told = ""
    return told or getpass.getuser()


def dvc_hashes(layout: Layout) -> dict[str, str]:
    """Path to MD5 of what the stages before training wrote, from dvc.lock and the landing's .dvc file."""
    hashes: dict[str, str] = {}
    landing = layout.root / "data" / "landing.dvc"
    if landing.is_file():
        hashes |= {f"dvc.data/{out['path']}": out["md5"] for out in _yaml(landing)["outs"]}
    lock = layout.root / "dvc.lock"
    if lock.is_file():
        outs = [out for stage in _yaml(lock)["stages"].values() for out in stage.get("outs", [])]
        hashes |= {f"dvc.{out['path']}": out["md5"] for out in outs if out["path"].startswith("data/")}
    return hashes


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
