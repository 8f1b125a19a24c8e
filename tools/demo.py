"""The demo project from an empty folder to a served prediction, each step timed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request

from bake import BUILD, DEMO, TEMPLATE, rebake

PORT = os.environ.get("PORT", "8765")
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
    make = ["make", "--no-print-directory", f"PORT={PORT}"]
    api = subprocess.Popen([*make, "serve"], cwd=DEMO, env=environment())
    try:
        if not ready(api):
            sys.exit(f"demo: the API did not become ready on port {PORT}. Try PORT=8766 make demo.")
        subprocess.run([*make, "predict"], cwd=DEMO, env=environment(), check=True)
    finally:
        api.terminate()
        api.wait(timeout=30)


def ready(api: subprocess.Popen[bytes], seconds: float = 60) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until and api.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=5):
                return True
        except OSError:
            time.sleep(0.2)
    return False


def environment() -> dict[str, str]:
    """The template's own Poetry serves the project too; its environment does not."""
    private = TEMPLATE / ".poetry" / "bin" / "poetry"
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL")}
    return {**kept, **({"POETRY": str(private)} if private.exists() else {})}


if __name__ == "__main__":
    main()
