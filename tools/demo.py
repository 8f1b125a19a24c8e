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
    "setup": "install the project's environment from its lock",
    "pipeline": "raw files to a portable model",
    "promote": "register the model, through the gate",
    "deploy": "put the champion where the API finds it",
}


def main() -> None:
    began = time.monotonic()
    BUILD.mkdir(exist_ok=True)
    rebake(DEMO)
    for target, meaning in STEPS.items():
        step(target, meaning)
    serve_and_predict()
    where = DEMO.relative_to(TEMPLATE)
    print(f"\ndemo: done in {time.monotonic() - began:.0f} s. To go on: cd {where}, then make.")


def step(target: str, meaning: str) -> None:
    print(f"\n== make {target}: {meaning}", flush=True)
    began = time.monotonic()
    if subprocess.run(["make", "--no-print-directory", target], cwd=DEMO, env=environment()).returncode:
        where = DEMO.relative_to(TEMPLATE)
        sys.exit(f"demo: `make {target}` failed in {where}; the reason is above. Mend it and run `make demo` again.")
    print(f"== {time.monotonic() - began:.1f} s", flush=True)


def serve_and_predict() -> None:
    print("\n== make serve, and one prediction from it", flush=True)
    with serving(DEMO) as url:
        port = url.rsplit(":", 1)[1]
        command = ["make", "--no-print-directory", "predict", f"PORT={port}"]
        subprocess.run(command, cwd=DEMO, env=environment(), check=True)


@contextlib.contextmanager
def serving(project: Path, seconds: float = 60) -> Iterator[str]:
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
        api.wait(timeout=30)


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5):
            return True
    except OSError:
        return False


def environment() -> dict[str, str]:
    """The template's own Poetry serves the project too; its environment does not."""
    private = TEMPLATE / ".poetry" / "bin" / "poetry"
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL")}
    return {**kept, **({"POETRY": str(private)} if private.exists() else {})}


if __name__ == "__main__":
    main()
