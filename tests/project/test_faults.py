"""What goes wrong with machines: killed runs, full and read-only disks, damaged files, two runs at once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bake import bake, share_environment

from ..conftest import BakedProject

STAGES = {
    "format": ["data/formatted", "data/quarantine/format"],
    "trust": ["data/trusted", "data/quarantine/trust", "results/quality.json"],
    "exploit": ["data/exploitation"],
    "split": ["data/splits"],
    "leakage": ["results/leakage/leakage.json"],
}
HOLD = """
import sys
from late_planes.layout import Layout
from late_planes.locks import exclusive
with exclusive("trust", Layout()):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, installed: BakedProject) -> BakedProject:
    """Flights, through every stage before training; it runs the code of the installed project."""
    made = BakedProject(bake(tmp_path_factory.mktemp("faults"), project_name="Late Planes"))
    share_environment(made.root)
    for step in ("ingest", *STAGES):
        made.run(".venv/bin/python", "-m", "late_planes", step)
    return made


def stage(project: BakedProject, name: str, *, fails: bool = False) -> str:
    told = project.run(".venv/bin/python", "-m", "late_planes", name, fails=fails)
    assert "Traceback" not in told
    return told


def contents(project: BakedProject, names: list[str]) -> dict[str, str]:
    """Every file of the outputs with its SHA-256, and whatever else lies beside them."""
    paths = [path for name in names for path in [project.root / name, *(project.root / name).rglob("*")]]
    return {
        str(path.relative_to(project.root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file()
    }


@pytest.mark.parametrize("name", STAGES)
def test_a_step_that_is_killed_and_run_again_gives_the_same_bits(name: str, project: BakedProject) -> None:
    began = time.monotonic()
    stage(project, name)
    seconds = time.monotonic() - began
    undisturbed = contents(project, STAGES[name])
    assert undisturbed
    for share in (0.5, 0.75, 0.9):
        process = subprocess.Popen(
            [str(project.root / ".venv/bin/python"), "-m", "late_planes", name],
            cwd=project.root,
            stdout=subprocess.DEVNULL,
        )
        time.sleep(share * seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    stage(project, name)
    assert contents(project, STAGES[name]) == undisturbed
    for folder in ("data", "data/quarantine", "results"):
        left = [path.name for path in (project.root / folder).glob(".*") if path.name not in (".locks", ".spill")]
        assert left == []


def test_a_pipeline_that_is_killed_goes_on_where_it_was(project: BakedProject) -> None:
    process = subprocess.Popen(
        ["make", "--no-print-directory", "pipeline"],
        cwd=project.root,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    for line in process.stdout:
        if "late_planes exploit" in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    wait_until_gone(process.pid)
    told = project.python("from late_planes import dvc; dvc.run('repro', 'leakage')")
    assert "Stage 'trust' didn't change, skipping" in told
    assert "split     train" in told


def wait_until_gone(group: int, seconds: float = 60) -> None:
    """DVC takes a killed process for a living one until the system has let go of it."""
    until = time.monotonic() + seconds
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < until:
            os.killpg(group, 0)
            time.sleep(0.1)


def test_the_second_of_two_runs_is_told_and_changes_nothing(project: BakedProject) -> None:
    holder = subprocess.Popen(
        [str(project.root / ".venv/bin/python"), "-c", HOLD],
        cwd=project.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert holder.stdin
    assert holder.stdout.readline() == "held\n"
    before = contents(project, STAGES["trust"])
    assert "Another `trust` is at work in this project (process " in stage(project, "trust", fails=True)
    assert contents(project, STAGES["trust"]) == before
    holder.communicate()
    stage(project, "trust")


def test_a_damaged_parquet_is_named_and_made_again(project: BakedProject) -> None:
    path = project.root / "data" / "formatted" / "planes" / "00000.parquet"
    whole = path.read_bytes()
    before = contents(project, STAGES["trust"])
    path.write_bytes(whole[: len(whole) // 2])
    told = stage(project, "trust", fails=True)
    assert "planes/00000.parquet" in told
    assert contents(project, STAGES["trust"]) == before
    stage(project, "format")
    assert path.read_bytes() == whole


@pytest.fixture
def small_disk(project: BakedProject, tmp_path: Path) -> Iterator[Path]:
    """The project's data on a file system of its own of 24 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(mount)], capture_output=True)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.decode().strip()}")
    data = project.root / "data"
    shutil.copytree(data, mount / "data")
    data.rename(tmp_path / "aside")
    data.symlink_to(mount / "data")
    try:
        yield mount
    finally:
        data.unlink()
        (tmp_path / "aside").rename(data)
        subprocess.run(["umount", str(mount)], check=True)


@pytest.mark.parametrize("name", ["format", "trust", "exploit", "split"])
def test_a_full_disk_is_said_and_nothing_is_lost(name: str, project: BakedProject, small_disk: Path) -> None:
    before = contents(project, [out for out in STAGES[name] if out.startswith("data")])
    free = shutil.disk_usage(small_disk).free
    (small_disk / "ballast").write_bytes(b"x" * (free - 40_000))
    told = stage(project, name, fails=True)
    assert "space" in told.lower()
    assert contents(project, [out for out in STAGES[name] if out.startswith("data")]) == before
    (small_disk / "ballast").unlink()
    stage(project, name)


def test_a_read_only_zone_is_said_and_nothing_is_lost(project: BakedProject, small_disk: Path) -> None:
    before = contents(project, STAGES["trust"])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    told = stage(project, "trust", fails=True)
    assert "Read-only file system" in told
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert contents(project, STAGES["trust"]) == before


def test_every_run_of_a_step_is_in_the_run_log_also_those_that_failed(project: BakedProject) -> None:
    lines = [json.loads(line) for line in project.text("results/governance/runs.jsonl").splitlines()]
    assert {"done", "failed"} == {entry["outcome"] for entry in lines}
    assert all(entry["seconds"] >= 0 and entry["peak_memory_mb"] > 0 for entry in lines)
