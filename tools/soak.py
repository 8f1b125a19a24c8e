"""The API of a project under mixed load for some minutes, at four fifths of what it can: does it hold out?

Asked are single rows, tables of a hundred, wrong rows, explanations and feedback. In the end memory must be flat, no
answer a server error, and every answered row in the prediction log, once.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bake import DEMO
from demo import serving

PYTHON = ".venv/bin/python"
CLIENTS, WARM_SECONDS, PROBE_SECONDS, SHARE = 4, 8.0, 5.0, 0.8
FLAT, TURNS = 1.1, 10
"""Memory in the last three turns to that in the first three, at most; and turns."""

COUNT = """
import sys
from importlib import import_module
config, layout, store = (import_module(f"{sys.argv[1]}.{name}") for name in ("config", "layout", "monitoring.store"))
project = layout.Layout()
log = store.PredictionLog(config.load(project).monitoring.prediction_log, project)
ids = [one.prediction_id for one in log.predictions()]
print(len(ids), len(set(ids)))
"""


@dataclass
class Load:
    """Clients that ask as fast as they can or, with `pause`, wait between two requests."""

    port: int
    example: dict[str, Any]
    pause: float = 0.0
    stopped: bool = False
    statuses: Counter[int] = field(default_factory=Counter)
    rows: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, seconds: float) -> float:
        """Requests a second."""
        self.stopped, before, began = False, sum(self.statuses.values()), time.monotonic()
        threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.stopped = True
        for thread in threads:
            thread.join()
        return (sum(self.statuses.values()) - before) / (time.monotonic() - began)

    def _ask(self, turn: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        last = ""
        while not self.stopped:
            turn += 1
            path, body = self._request(turn, last)
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            told = json.loads(answer.read())
            with self.lock:
                self.statuses[answer.status] += 1
                if path == "/v1/predict" and answer.status == 200:
                    self.rows += len(told["predictions"])
            if path == "/v1/predict" and answer.status == 200:
                last = told["predictions"][0]["prediction_id"]
            time.sleep(self.pause)
        connection.close()

    def _request(self, turn: int, last: str) -> tuple[str, Any]:
        if turn % 100 == 0 and last:
            return "/v1/feedback", {"feedback": [{"prediction_id": last, "wrong": turn % 200 == 0}]}
        if turn % 50 == 0:
            return "/v1/explain", {"rows": [self.example]}
        if turn % 40 == 0:
            return "/v1/predict", {"rows": [self.example] * 100}
        if turn % 20 == 0:
            return "/v1/predict", {"rows": [{**self.example, "hour": "noon"}]}
        return "/v1/predict", {"rows": [self.example], "user": f"user {turn}"}


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    project = Path(sys.argv[2]) if len(sys.argv) > 2 else DEMO
    schema = next((project / "deploy" / "bundles").glob("*/schema.json"), None)
    if schema is None:
        sys.exit(f"soak: nothing is deployed in {project}: run `make demo` first.")
    before, _ = logged(project)
    memory: list[float] = []
    with serving(project) as url:
        port = url.rsplit(":", 1)[1]
        load = Load(int(port), json.loads(schema.read_text(encoding="utf-8"))["example"])
        load.run(WARM_SECONDS)  # the first explanation imports shap
        most = load.run(PROBE_SECONDS)
        load.pause = CLIENTS / most * (1 / SHARE - 1)
        print(
            f"soak: {most:,.0f} requests a second at most, now {SHARE:.0%} of them for {minutes:g} minutes", flush=True
        )
        for turn in range(TURNS):
            rate = load.run(60 * minutes / TURNS)
            memory.append(resident(port))
            print(f"soak: {turn + 1:>3}  {rate:,.0f} a second, {memory[-1]:.0f} MB, {dict(load.statuses)}", flush=True)
    rows, distinct = logged(project)
    growth = max(memory[-3:]) / max(memory[:3])
    wrong = [
        f"memory grew to {growth:.2f} times" if growth > FLAT else "",
        "server errors" if any(status >= 500 for status in load.statuses) else "",
        f"{load.rows} rows were answered, {rows - before} are in the log" if rows - before != load.rows else "",
        "rows are in the log twice" if rows != distinct else "",
    ]
    if any(wrong):
        sys.exit(f"soak: {', '.join(filter(None, wrong))}")
    print(f"soak: {load.rows:,} rows answered, each in the log once; memory {growth:.2f} times, no server error")


def resident(port: str) -> float:
    """Megabytes of the workers of the server on that port."""
    server = pgrep("-f", f"serve --port {port}")[-1]
    found = [Path(f"/proc/{pid}/status").read_text(encoding="utf-8") for pid in pgrep("-P", server, "-f", "spawn_main")]
    return sum(int(text.split("VmRSS:")[1].split()[0]) / 1000 for text in found)


def pgrep(*arguments: str) -> list[str]:
    return subprocess.run(["pgrep", *arguments], capture_output=True, text=True).stdout.split()


def logged(project: Path) -> tuple[int, int]:
    (package,) = (path.parent.name for path in (project / "src").glob("*/__main__.py"))
    done = subprocess.run([PYTHON, "-c", COUNT, package], cwd=project, capture_output=True, text=True, check=True)
    rows, distinct = map(int, done.stdout.split())
    return rows, distinct


if __name__ == "__main__":
    main()
