"""What a fresh clone lacks beside its environment."""

from __future__ import annotations

import os
import subprocess
import sys

from . import dvc
from .errors import ProjectError
from .layout import Layout


def init(layout: Layout) -> None:
    """A git repository, DVC, the hooks of pre-commit and the tables of MLflow's store; what is there stays.

    On Windows without hooks: they name the commands of `.venv/bin`. Raises ProjectError when a step fails, or a library
    of the system is missing.
    """
    try:
        import lightgbm  # noqa: F401
    except OSError as error:
        raise ProjectError(
            f"LightGBM does not load: {error}. Install OpenMP (Debian, Ubuntu: `apt-get install libgomp1`; macOS: "
            "`brew install libomp`), then run `make setup` again."
        ) from error
    if subprocess.run(["git", "rev-parse", "--git-dir"], cwd=layout.root, capture_output=True).returncode:
        _run(layout, "git", "init", "--quiet")
    if not (layout.root / ".dvc" / "config").is_file():
        dvc.run("init", "--quiet")
    if os.name != "nt":
        _run(layout, sys.executable, "-m", "pre_commit", "install")
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        _run(layout, sys.executable, "-m", "mlflow", "db", "upgrade", "sqlite:///mlflow.db")


def _run(layout: Layout, *command: str) -> None:
    done = subprocess.run(
        command, cwd=layout.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    )
    if done.returncode:
        raise ProjectError(f"`{' '.join(command)}` failed:\n{done.stdout.strip()}")
