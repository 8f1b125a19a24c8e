"""DVC's own command line, run with the Python of this project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .errors import ProjectError


def run(*arguments: str) -> None:
    """`dvc <arguments>` in the working folder. Raises ProjectError when it fails; DVC has then said why."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], env={**os.environ, "PATH": path}, check=False)
    if done.returncode:
        raise ProjectError(f"`dvc {' '.join(arguments)}` failed; the reason is above.")
