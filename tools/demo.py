"""The demo project from an empty folder to a served prediction, each step timed."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bake import BUILD, DEMO, TEMPLATE, rebake

STEPS = {
    "setup": ("install the project's environment from its lock", ".venv/"),
    "pipeline": ("raw files to a portable model", "models/bundle/, results/model_card.md"),
    "promote": ("register the model, through the gate", "mlflow.db"),
    "deploy": ("put the champion where the API finds it", "deploy/bundles/"),
    "predict": ("serve it, and ask it for one prediction", "the answer above"),
}
"""What a target does, and what it leaves."""


def main() -> None:
    began = time.monotonic()
    BUILD.mkdir(exist_ok=True)
    rebake(DEMO)
    seconds = {}
    for number, (target, (meaning, _)) in enumerate(STEPS.items(), start=1):
        print(f"\n== {number} of {len(STEPS)}, make {target}: {meaning}", flush=True)
        started = time.monotonic()
        with serving(DEMO) if target == "predict" else contextlib.nullcontext() as url:
            step(target, *([f"PORT={url.rsplit(':', 1)[1]}"] if url else []))
        seconds[target] = time.monotonic() - started
        print(f"== {seconds[target]:.1f} s", flush=True)
    print(f"\ndemo: done in {time.monotonic() - began:.0f} s")
    for target, (_, left) in STEPS.items():
        print(f"  {target:10}{seconds[target]:6.1f} s  {left}")
    print(f"To go on: cd {DEMO.relative_to(TEMPLATE)}, then make serve, make dashboard, or make alone for all targets.")


def step(target: str, *arguments: str) -> None:
    command = ["make", "--no-print-directory", target, *arguments]
    if subprocess.run(command, cwd=DEMO, env=environment()).returncode:
        where = DEMO.relative_to(TEMPLATE)
        sys.exit(f"demo: `make {target}` failed in {where}; the reason is above. Mend it and run `make demo` again.")


@contextlib.contextmanager
def serving(project: Path, seconds: float = 120) -> Iterator[str]:
    """`make serve` of a project on a free port; yields the address once it is ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = ["make", "--no-print-directory", "serve", f"PORT={port}"]
    api = subprocess.Popen(command, cwd=project, env=environment())
    try:
        until = time.monotonic() + seconds
        while not ready(url):
            if api.poll() is not None or time.monotonic() > until:
                sys.exit(
                    f"The API of {project.name} was not ready after {seconds:.0f} s at {url}; its output is above."
                )
            time.sleep(0.02)
        yield url
    finally:
        api.terminate()
        api.wait(timeout=60)


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5):
            return True
    except OSError:
        return False


def environment() -> dict[str, str]:
    """The template's own Poetry serves the project too; its environment does not. Bytecode is written as usual."""
    private = TEMPLATE / ".poetry" / "bin" / "poetry"
    of_ours = ("VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in of_ours}
    return {**kept, **({"POETRY": str(private)} if private.exists() else {})}


if __name__ == "__main__":
    main()
