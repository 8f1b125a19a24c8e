"""A registered version made once more, from the code and the data that it was made of: does it answer the same?"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from . import config, governance, kinds, registry
from .errors import ProjectError
from .layout import PACKAGE, Layout
from .models import bundle
from .pipeline.export import as_columns

DATA = ("data/landing.dvc", "format", "trust", "exploit", "split", "leakage")
"""What is taken from the cache of DVC and not made anew."""

MADE_ANEW = ("train", "evaluate", "export")


def run(layout: Layout, number: str) -> str:
    """Trains version `number` again in a working tree of its own, and compares the two bundles on the reference rows.

    Raises ProjectError when code or data are not to be had, or when the answers differ.
    """
    version = registry.run_of(layout, number)
    revision = version.tags.get("git_revision", "none").removesuffix("-dirty")
    if revision == "none":
        raise ProjectError(f"Version {number} was trained outside of git, so nobody knows from which code.")
    if version.tags.get("lock") != governance.lock_hash(layout):
        print("reproduce the version was trained with another poetry.lock: small differences may come from that")
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary) / layout.root.resolve().name
        _git(layout.root, "worktree", "add", "--detach", "--quiet", str(tree), revision)
        try:
            _restore(layout, version, tree)
            for stage in MADE_ANEW:
                print(f"reproduce {stage}", flush=True)
                _command(tree, sys.executable, "-m", PACKAGE, stage)
            return _compared(layout, version, Layout(tree), Path(temporary))
        finally:
            _git(layout.root, "worktree", "remove", "--force", str(tree))


def _restore(layout: Layout, version: registry.Run, tree: Path) -> None:
    """The working tree as it was when the version was trained."""
    patch = registry.download(layout, version.run_id, registry.PATCH, tree.parent)
    if patch:
        _git(tree, "apply", "--whitespace=nowarn", str(patch))
    dvc = str(Path(sys.executable).with_name("dvc"))
    cache = _command(layout.root, dvc, "cache", "dir").strip()
    _command(tree, dvc, "cache", "dir", "--local", str((layout.root / cache).resolve()))
    try:
        _command(tree, dvc, "checkout", "--quiet", *DATA)
    except ProjectError as error:
        raise ProjectError(
            f"The data of the version is not in DVC's cache; where it was pushed, `dvc fetch -A` gets it: {error}"
        ) from error


def _compared(layout: Layout, version: registry.Run, again: Layout, temporary: Path) -> str:
    found = registry.download_bundle(layout, version, temporary)
    first, second = bundle.load(found), bundle.load(again.bundle)
    watched = pd.read_parquet(found / bundle.REFERENCE)
    rows = as_columns(watched.drop(columns=[bundle.SCORE, bundle.ACTUAL], errors="ignore"))
    kind = kinds.of(config.load(again).task)
    apart, labels_differ = kind.differences(first.outputs(rows), second.outputs(rows), first.schema.classes)
    told = f"on {len(rows):,} rows of its reference, largest difference {apart.max():.1e}, {labels_differ} labels"
    if apart.max() > 0 or labels_differ:
        raise ProjectError(f"Version {version.number} made again answers otherwise: {told}.")
    return f"reproduce version {version.number} made again gives the same answers {told}"


def _git(folder: Path, *arguments: str) -> str:
    return _command(folder, "git", *arguments)


def _command(folder: Path, *command: str) -> str:
    """What it printed. Raises ProjectError with its last lines when it fails."""
    ours = str(Path(sys.executable).parent)
    environment = {
        **{name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"},
        "PATH": os.pathsep.join([ours, os.environ.get("PATH", "")]),
        "PYTHONPATH": str(folder / "src"),
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8")
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise ProjectError(
            f"`{' '.join(Path(command[0]).name if not i else part for i, part in enumerate(command))}`: {last}"
        )
    return done.stdout
