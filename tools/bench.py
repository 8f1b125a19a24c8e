"""Speed and size of the demo project, measured here and now. Run `make demo` first.

Each line gives the median of the rounds and the goal; rounds of two things that are compared alternate.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bake import BUILD, DEMO, bake
from demo import environment, serving

PYTHON = ".venv/bin/python"
SERVER = BUILD / "serving-only"
IN_PROCESS = """
import statistics, time
from {package} import config
from {package}.layout import Layout
from {package}.serving.client import example
from {package}.serving.rollout import Rollout
layout = Layout()
row = example(layout)
client = Rollout(config.load(layout), layout).app.test_client()
seconds = []
for _ in range(1000):
    began = time.perf_counter()
    assert client.post("/v1/predict", json={{"rows": [row]}}).status_code == 200
    seconds.append(time.perf_counter() - began)
print(1000 * statistics.median(seconds))
"""


def main() -> None:
    if not (DEMO / "deploy" / "deployment.json").is_file():
        sys.exit("bench: nothing is deployed in build/flight-delays: run `make demo` first.")
    line("render in process", f"{median(render, 5):.2f} s", "0.3 s")
    whole, train = pipeline()
    line("every stage, quick", f"{whole:.0f} s", "240 s")
    line("  of it: all but the stage train", f"{whole - train:.0f} s", "40 s")
    nothing, bare = alternate(lambda: make("pipeline"), lambda: run(".venv/bin/dvc", "repro"), 5)
    line("make pipeline with nothing to do", f"{nothing:.2f} s, {nothing / bare:.2f} x a bare dvc repro", "1.5 x")
    line("one row, request to answer in the API's process, logged", f"{one_row():.2f} ms", "1 ms")
    server()


def render() -> None:
    with tempfile.TemporaryDirectory() as folder, quiet():
        bake(Path(folder))


def pipeline() -> tuple[float, float]:
    """Seconds of a run of every stage, and of the stage train, timed by what DVC prints."""
    marks: dict[str, float] = {}
    began = time.monotonic()
    process = subprocess.Popen(
        [PYTHON, "-m", "dvc", "repro", "--force"],
        cwd=DEMO, env=in_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout
    for text in process.stdout:
        if found := re.match(r"Running stage '(\w+)'", text):
            marks[found[1]] = time.monotonic()
    if process.wait():
        sys.exit("bench: the pipeline failed; run `make pipeline` in build/flight-delays to see why.")
    return time.monotonic() - began, marks["evaluate"] - marks["train"]


def one_row() -> float:
    """Median milliseconds of one row through Flask, model and prediction log."""
    code = IN_PROCESS.format(package="flight_delays")
    return float(run(PYTHON, "-c", code))


def server() -> None:
    """A project with the main group only: size of its environment, memory and start of its API."""
    shutil.rmtree(SERVER, ignore_errors=True)
    with quiet():
        made = bake(SERVER.parent, project_slug=SERVER.name, package_name="serving_only")
    for name in ("bundles", "deployment.json"):
        copy = shutil.copytree if (DEMO / "deploy" / name).is_dir() else shutil.copy
        copy(DEMO / "deploy" / name, made / "deploy" / name)
    run("python3", "tools/setup.py", "--only", "main", folder=made)
    size = sum(path.lstat().st_size for path in (made / ".venv").rglob("*") if path.is_file())
    line("serving environment (main group)", f"{size / 1e6:.0f} MB", "350 MB")
    starts, memory = [], 0.0
    for _ in range(5):
        began = time.monotonic()
        with quiet(), serving(made):
            starts.append(time.monotonic() - began)
            memory = max(memory, resident("serving_only serve"))
    line("API from start to ready", f"{statistics.median(starts):.2f} s", "3 s")
    line("API resident, the largest of its processes", f"{memory:.0f} MB", "150 MB")


def resident(command: str) -> float:
    """Megabytes of the largest process whose command line contains `command`."""
    found = subprocess.run(["pgrep", "-f", command], capture_output=True, text=True).stdout.split()
    status = [Path(f"/proc/{pid}/status").read_text(encoding="utf-8") for pid in found]
    return max(int(text.split("VmRSS:")[1].split()[0]) / 1000 for text in status)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing on standard output, also not from child processes."""
    kept = os.dup(1)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def median(measured: Callable[[], object], rounds: int) -> float:
    return statistics.median(seconds(measured) for _ in range(rounds))


def alternate(ours: Callable[[], object], peer: Callable[[], object], rounds: int) -> tuple[float, float]:
    pairs = [(seconds(ours), seconds(peer)) for _ in range(rounds)]
    return statistics.median(first for first, _ in pairs), statistics.median(second for _, second in pairs)


def seconds(measured: Callable[[], object]) -> float:
    began = time.perf_counter()
    measured()
    return time.perf_counter() - began


def make(target: str) -> str:
    return run("make", "--no-print-directory", target)


def run(*command: str, folder: Path = DEMO) -> str:
    done = subprocess.run(command, cwd=folder, env=in_environment(), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bench: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def in_environment() -> dict[str, str]:
    path = os.pathsep.join([str(DEMO / ".venv" / "bin"), os.environ.get("PATH", "")])
    return {**environment(), "PATH": path}


def line(what: str, measured: str, goal: str) -> None:
    print(f"{what:<58} {measured:<32} goal {goal}", flush=True)


if __name__ == "__main__":
    main()
