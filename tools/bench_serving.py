"""The API beside its peers, with the same model on this machine: requests and rows a second. Run `make demo` first.

Every server has one worker and is asked by wrk over connections that stay open, one row a request; the servers are
asked in turn, round by round, and a line gives the median. Ours checks and logs every request.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bake import BUILD, DEMO
from bench import line
from demo import environment

ROUNDS, SECONDS, SLOW_SECONDS, MANY, MILLIONS = 3, 4, 20, 1000, 2
BIN = DEMO / ".venv" / "bin"
FOLDER = BUILD / "bench-serving"

BARE = """
from flask import Flask
app = Flask(__name__)

@app.post("/")
def constant():
    return {"label": "late", "probability": 0.5}
"""
FASTAPI = """
import json, onnxruntime, numpy as np
from fastapi import FastAPI
from pydantic import create_model
schema = json.load(open("schema.json"))
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession("model.onnx", options)
texts = [c["name"] for c in schema["columns"] if c["type"] == "category"]
numbers = [c["name"] for c in schema["columns"] if c["type"] != "category"]
Row = create_model("Row", **{n: (str | None, ...) for n in texts}, **{n: (float | None, ...) for n in numbers})
app = FastAPI()

@app.post("/")
async def predict(row: Row):
    values = row.__dict__
    given = {
        "numbers": np.array([[values[n] for n in numbers]], dtype=np.float64),
        "categories": np.array([[values[n] if values[n] is not None else "\\0missing" for n in texts]], dtype=object),
    }
    probabilities = session.run(["output"], given)[0][0].tolist()
    best = max(range(len(probabilities)), key=probabilities.__getitem__)
    return {"label": schema["classes"][best], "probability": probabilities[best]}
"""
PYCARET = """
import sys, datetime, pandas as pd
from pycaret.classification import ClassificationExperiment
from flight_delays import config
from flight_delays.layout import Layout
from flight_delays.pipeline import split
settings = config.load(Layout())
train = split.read(settings, Layout(), "train")
experiment = ClassificationExperiment()
experiment.setup(train, target=settings.task.target, session_id=1, html=False, verbose=False, n_jobs=1)
model = experiment.create_model("lr", verbose=False)
experiment.create_api(experiment.finalize_model(model), sys.argv[1] + "/pycaret_api")
"""
MLFLOW_ONNX = """
import sys, mlflow, onnx
mlflow.onnx.save_model(onnx.load(sys.argv[1]), sys.argv[2])
"""
SESSION = """
import json, sys, time
import numpy as np
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from flight_delays.models import bundle
loaded = bundle.load(Path(sys.argv[1]))
rows, threads = int(sys.argv[2]), int(sys.argv[3])
columns = bundle.columns_of([loaded.schema.example] * rows)
numbers = np.array([columns[name] for name in loaded.numbers], dtype=np.float64).T.copy()
texts = [[bundle.category_text(value) for value in columns[name]] for name in loaded.categories]
texts = np.array(texts, dtype=object).T.copy()
feed = {"numbers": numbers, "categories": texts}
with ThreadPoolExecutor(threads) as pool:
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < 4:
        for _ in pool.map(lambda _: loaded._session.run(["output"], feed), range(2 * threads)):
            done += rows
print(done / (time.perf_counter() - began))
"""
MILLION = """
import duckdb, sys
flights = "from 'data/exploitation/departures.parquet', range(375) t(copy) select * exclude (late, delay, delay_kind)"
duckdb.execute(f"copy (select * from ({flights}) limit {sys.argv[2]}000000) to '{sys.argv[1]}' (format parquet)")
"""


@dataclass
class Server:
    """A peer: how it is started, where it answers and what it is asked."""

    name: str
    command: list[str]
    path: str
    body: Any
    folder: Path = FOLDER
    port: int = 0
    seconds: int = SECONDS


def main() -> None:
    if not (DEMO / "deploy" / "deployment.json").is_file():
        sys.exit("bench-serving: nothing is deployed in build/flight-delays: run `make demo` first.")
    if shutil.which("wrk") is None:
        sys.exit("bench-serving: wrk is missing: apt-get install wrk.")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    deployment = json.loads((DEMO / "deploy" / "deployment.json").read_text(encoding="utf-8"))
    bundle = DEMO / "deploy" / deployment["champion"]["bundle"]
    example = json.loads((bundle / "schema.json").read_text(encoding="utf-8"))["example"]
    with contextlib.ExitStack() as running:
        servers = peers(bundle, example, deployment["champion"]["version"])
        for server in servers:
            running.enter_context(started(server))
        found = asked(servers)
        ours = servers[0]
        many(ours, example)
    two_workers(example, found)
    batch(bundle)


def peers(bundle: Path, example: dict[str, Any], version: str) -> list[Server]:
    for name in ("model.onnx", "schema.json"):
        shutil.copy(bundle / name, FOLDER / name)
    (FOLDER / "bare.py").write_text(BARE, encoding="utf-8")
    (FOLDER / "plain.py").write_text(FASTAPI, encoding="utf-8")
    python(MLFLOW_ONNX, str(bundle / "model.onnx"), str(FOLDER / "onnx"))
    python(PYCARET, str(FOLDER))
    patched = (FOLDER / "pycaret_api.py").read_text(encoding="utf-8")
    (FOLDER / "pycaret_api.py").write_text(runnable(patched, example), encoding="utf-8")
    schema = json.loads((bundle / "schema.json").read_text(encoding="utf-8"))
    texts = [column["name"] for column in schema["columns"] if column["type"] == "category"]
    numbers = [column["name"] for column in schema["columns"] if column["type"] != "category"]
    split = {"columns": list(example), "data": [list(example.values())]}
    tensors = {"numbers": [[example[name] for name in numbers]], "categories": [[example[name] for name in texts]]}
    mlflow = [str(BIN / "mlflow"), "models", "serve", "--env-manager", "local", "--workers", "1", "--model-uri"]
    granian = [str(BIN / "granian"), "--interface", "wsgi", "--workers", "1", "--log-level", "warning", "bare:app"]
    uvicorn = [str(BIN / "uvicorn"), "--log-level", "warning", "plain:app"]
    own = [str(BIN / "python"), "-m", "flight_delays", "serve"]
    pycaret = [str(BIN / "uvicorn"), "--log-level", "warning", "pycaret_api:app"]
    return [
        Server("ours", own, "/v1/predict", {"rows": [example]}, DEMO),
        Server("a bare Flask route on granian", granian, "/", {"rows": [example]}),
        Server("FastAPI and uvicorn, ONNX, plain", uvicorn, "/", example),
        Server("mlflow models serve, ONNX", [*mlflow, str(FOLDER / "onnx")], "/invocations", {"inputs": tensors}),
        Server(
            "mlflow models serve, PyCaret", [*mlflow, f"models:/flight_delays/{version}"], "/invocations",
            {"dataframe_split": split}, DEMO,
        ),
        Server("PyCaret create_api", pycaret, "/predict", example, seconds=SLOW_SECONDS),
    ]  # fmt: skip


def runnable(code: str, example: dict[str, Any]) -> str:
    """What PyCaret 3.3.2 writes does not run: the times in it are no code, and pydantic 2 asks for types."""
    fields = {name: ("str" if isinstance(value, str) else "float") for name, value in example.items()}
    model = "from pydantic import create_model\ninput_model = create_model('input', " + ", ".join(
        f"{name}=({kind}, ...)" for name, kind in fields.items()
    )
    code = re.sub(r"(?m)^input_model = .*$", f"{model})", code)
    code = re.sub(r"(?m)^output_model = .*$", "output_model = create_model('output', prediction=(str, ...))", code)
    code = re.sub(r'load_model\(".*"\)', f'load_model("{FOLDER / "pycaret_api"}")', code)
    code = code.replace('return {"prediction": predictions', 'return {"prediction": str(predictions').replace(
        ".iloc[0]}", ".iloc[0])}"
    )
    return code


def asked(servers: list[Server]) -> dict[tuple[str, int], tuple[float, float, float]]:
    """Requests a second, and the median and the 99th percentile in milliseconds, by server and connections."""
    rounds: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    for _ in range(ROUNDS):
        for server in servers:
            for connections in (1, 16):
                rounds.setdefault((server.name, connections), []).append(wrk(server, server.body, connections))
    found = {}
    for key, values in rounds.items():
        found[key] = tuple(statistics.median(one[place] for one in values) for place in range(3))
    for server in servers:
        shown = []
        for connections in (1, 16):
            rate, half, tail = found[server.name, connections]
            shown.append(f"{rate:,.0f} a second ({half:.2f}, {tail:.1f} ms)")
        line(f"{server.name}, 1 / 16 connections", " / ".join(shown), "")
    goals = {
        "mlflow models serve, PyCaret": "60 x", "mlflow models serve, ONNX": "10 x", "PyCaret create_api": "500 x",
        "FastAPI and uvicorn, ONNX, plain": "1 x", "a bare Flask route on granian": "0.5 x",
    }  # fmt: skip
    for name, goal in goals.items():
        times = [found["ours", connections][0] / found[name, connections][0] for connections in (1, 16)]
        line(f"ours to {name}", " / ".join(f"{one:.2f} x" for one in times), goal)
    _, half, tail = found["ours", 16]
    line("ours, 99th percentile to median at 16 connections", f"{tail / half:.1f} x", "5 x")
    return found  # type: ignore[return-value]


def many(ours: Server, example: dict[str, Any]) -> None:
    """A thousand rows in one request."""
    forms: dict[str, tuple[str, Any]] = {"rows": ("/v1/predict", {"rows": [example] * MANY})}
    forms["columns"] = ("/invocations", {"inputs": {name: [value] * MANY for name, value in example.items()}})
    for form, (path, body) in forms.items():
        server = Server(ours.name, ours.command, path, body, port=ours.port)
        rate = statistics.median(wrk(server, body, 1)[0] for _ in range(ROUNDS))
        line(f"{MANY:,} rows in one request, as {form}", f"{MANY * rate:,.0f} rows a second", "200,000")
    bundle = next((DEMO / "deploy" / "bundles").glob("*"))
    line(
        f"the bare ONNX session, {MANY:,} rows at once",
        f"{float(python(SESSION, str(bundle), str(MANY), '1')):,.0f} rows a second",
        "",
    )
    line(
        "the bare ONNX session, one row at once",
        f"{float(python(SESSION, str(bundle), '1', '1')):,.0f} rows a second",
        "",
    )


def two_workers(example: dict[str, Any], found: dict[tuple[str, int], tuple[float, float, float]]) -> None:
    """The same API with two workers."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copytree(DEMO / "deploy", folder / "deploy")
        text = (DEMO / "params.yaml").read_text(encoding="utf-8")
        (folder / "params.yaml").write_text(text.replace("  workers: 1\n", "  workers: 2\n"), encoding="utf-8")
        server = Server(
            "two", [str(BIN / "python"), "-m", "flight_delays", "serve"], "/v1/predict", {"rows": [example]}, folder
        )
        with started(server):
            rate = statistics.median(wrk(server, server.body, 16)[0] for _ in range(ROUNDS))
    times = rate / found["ours", 16][0]
    line("two workers, 16 connections", f"{rate:,.0f} a second, {times:.2f} x one", "1.7 x")


def batch(bundle: Path) -> None:
    """A table of millions of rows, and the bare session on rows that are there already, on every processor."""
    threads = os.cpu_count() or 1
    table = FOLDER / "flights.parquet"
    python(MILLION, str(table), str(MILLIONS))
    seconds, memory, bare = [], [], []
    for turn in range(ROUNDS):
        bare.append(float(python(SESSION, str(bundle), "65536", str(threads))))
        command = [
            "/usr/bin/time",
            "-f",
            "%M",
            str(BIN / "python"),
            "-m",
            "flight_delays",
            "batch",
            str(table),
            str(FOLDER / f"out{turn}"),
        ]
        began = time.monotonic()
        done = subprocess.run(command, cwd=DEMO, env=environment(), capture_output=True, text=True, check=True)
        seconds.append(time.monotonic() - began)
        memory.append(int(done.stderr.split()[-1]) / 1000)
    rate = MILLIONS * 1_000_000 / statistics.median(seconds)
    line(f"make batch, {MILLIONS} million rows", f"{rate:,.0f} rows a second, {max(memory):.0f} MB", "200,000, 700 MB")
    line("the bare ONNX session, 65,536 rows at once", f"{statistics.median(bare):,.0f} rows a second", "")
    line("the bare session to make batch", f"{statistics.median(bare) / rate:.2f} x", "1.5 x")


@contextlib.contextmanager
def started(server: Server) -> Iterator[None]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server.port = probe.getsockname()[1]
    variables = {
        **environment(),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": f"sqlite:///{DEMO}/mlflow.db",
    }
    log = (FOLDER / f"{server.port}.log").open("w")
    process = subprocess.Popen(
        [*server.command, "--port", str(server.port)], cwd=server.folder, env=variables, stdout=log, stderr=log
    )
    try:
        deadline = time.monotonic() + 120
        while not answers(server):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench-serving: {server.name} does not answer; {log.name} says why.")
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def answers(server: Server) -> bool:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{server.path}",
        json.dumps(server.body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return bool(response.status == 200)
    except urllib.error.HTTPError as error:
        sys.exit(f"bench-serving: {server.name} refuses: {error.read().decode()[:500]}")
    except OSError:
        return False


def wrk(server: Server, body: Any, connections: int) -> tuple[float, float, float]:
    """Requests a second, median and 99th percentile in milliseconds."""
    script = FOLDER / "ask.lua"
    script.write_text(
        'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
        f"wrk.body = [==[{json.dumps(body)}]==]\n",
        encoding="utf-8",
    )
    address = f"http://127.0.0.1:{server.port}{server.path}"
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{server.seconds}s",
        "--timeout",
        "60s",
        "--latency",
        "-s",
        str(script),
        address,
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told or "99%" not in told:
        sys.exit(f"bench-serving: {server.name} refuses requests, or answers none, under load:\n{told}")
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", told)[0])
    half, tail = (milliseconds(re.findall(rf"(?m)^\s+{share}%\s+(\S+)", told)[0]) for share in ("50", "99"))
    return rate, half, tail


def milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}[unit]


def python(code: str, *arguments: str) -> str:
    command = [str(BIN / "python"), "-c", code, *arguments]
    done = subprocess.run(command, cwd=DEMO, env=environment(), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bench-serving: a script failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


if __name__ == "__main__":
    main()
