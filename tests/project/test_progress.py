"""Long work shows on a terminal how far it is, and says nothing of it in a log."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest
from bake import bake, share_environment
from bench_data import ENLARGE

from ..conftest import BakedProject

MILLIONS = 3
FORMAT = [".venv/bin/python", "-m", "late_planes", "format"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, installed: BakedProject) -> BakedProject:
    """Millions of flights, landed: to format them takes longer than the two seconds after which a bar is shown.

    It runs the code of the installed project.
    """
    made = BakedProject(bake(tmp_path_factory.mktemp("progress"), project_name="Late Planes"))
    share_environment(made.root)
    enlarge = ENLARGE.replace("flight_delays", "late_planes")
    made.run(".venv/bin/python", "-c", enlarge, str(MILLIONS), str(made.root / "data" / "bundled"))
    return made


def on_a_terminal(command: list[str], folder: Path) -> str:
    """All that a command writes to a terminal of 100 columns."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    process = subprocess.Popen(command, cwd=folder, stdout=its, stderr=its)
    os.close(its)
    told = b""
    try:
        while block := os.read(ours, 65536):
            told += block
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0, told.decode()
    return told.decode()


def test_a_terminal_sees_share_rate_and_time_left(project: BakedProject) -> None:
    told = on_a_terminal(FORMAT, project.root)
    bars = re.findall(r"format flights: +(\d+)%\|.*?([\d.]+[kMG]?)/([\d.]+[MG]) \[[\d:]+<[\d:]+, +[\d.]+MB/s\]", told)
    shares = [int(share) for share, _, _ in bars]
    assert len(set(shares)) > 1, told
    assert shares == sorted(shares)
    assert shares[-1] <= 100


def test_a_log_has_the_results_alone(project: BakedProject) -> None:
    told = project.run(*FORMAT)
    assert f"{MILLIONS},000,000 rows" in told
    assert "%|" not in told
