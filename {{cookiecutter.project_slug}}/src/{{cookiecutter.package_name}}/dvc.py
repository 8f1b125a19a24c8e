"""DVC's own command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .errors import ProjectError


def run(*arguments: str) -> None:
    """`dvc <arguments>` in this process and the working folder. Raises ProjectError when it fails; DVC has said why.

    The stages are run by the Python that runs this, also when its environment is not activated.
    """
    from dvc.cli import main

    ours = str(Path(sys.executable).parent)
    if os.environ.get("PATH", "").split(os.pathsep)[0] != ours:
        os.environ["PATH"] = os.pathsep.join([ours, os.environ.get("PATH", "")])
    if main(list(arguments)):
        raise ProjectError(f"`dvc {' '.join(arguments)}` failed; the reason is above.")


def told(*arguments: str) -> str:
    """What `dvc <arguments>` prints, in a process of its own. Raises ProjectError when it fails, with what it said."""
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise ProjectError(f"`dvc {' '.join(arguments)}` failed:\n{done.stderr.strip()}")
    return done.stdout
