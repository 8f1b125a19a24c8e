"""DVC's own command line, in this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .errors import ProjectError


def run(*arguments: str) -> None:
    """`dvc <arguments>` in the working folder. Raises ProjectError when it fails; DVC has then said why.

    The stages are run by the Python that runs this, also when its environment is not activated.
    """
    from dvc.cli import main

    ours = str(Path(sys.executable).parent)
    if os.environ.get("PATH", "").split(os.pathsep)[0] != ours:
        os.environ["PATH"] = os.pathsep.join([ours, os.environ.get("PATH", "")])
    if main(list(arguments)):
        raise ProjectError(f"`dvc {' '.join(arguments)}` failed; the reason is above.")
