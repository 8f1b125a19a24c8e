"""The API as a platform has it: real clients of its protocols, load, killed workers, other databases."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bake import bake
from demo import serving

from ..conftest import TEMPLATE, BakedProject
from .conftest import free_port, post, required, until

PACKAGE = "late_planes"
SCHEMATHESIS = """
[parameters]
strict = true  # false answers the rows that are right, whatever the others hold
[checks]
# that the columns of a table are of one length is nothing that a JSON schema can say
positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "422"]
"""
MLFLOW = """
import json, sys, pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
host, port, example = sys.argv[1:]
client = ScoringServerClient(host, int(port))
client.wait_server_ready()
print(client.invoke(pd.DataFrame([json.loads(example)] * 3)).get_predictions().to_json(orient="records"))
"""
TRITON = """
import json, sys
import numpy as np
import tritonclient.http as triton
address, name, example = sys.argv[1:]
client, example = triton.InferenceServerClient(address), json.loads(example)
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(name)
types = {"BYTES": object, "FP64": np.float64, "INT64": np.int64, "BOOL": bool}
described, inputs = client.get_model_metadata(name), []
for one in described["inputs"]:
    inputs.append(triton.InferInput(one["name"], [2], one["datatype"]))
    values = np.array([example[one["name"]]] * 2, dtype=types[one["datatype"]])
    inputs[-1].set_data_from_numpy(values, binary_data=False)
outputs = [triton.InferRequestedOutput(one["name"], binary_data=False) for one in described["outputs"]]
found = client.infer(name, inputs, outputs=outputs)
print(json.dumps({one["name"]: found.as_numpy(one["name"]).tolist() for one in described["outputs"]}))
"""
LOGGED = """
import json, sys
from late_planes import config
from late_planes.layout import Layout
from late_planes.monitoring.store import PredictionLog
log = PredictionLog(config.load(Layout()).monitoring.prediction_log, Layout())
print(json.dumps([one.prediction_id for one in log.predictions()]))
"""


@dataclass
class Asking:
    """Clients that ask for one prediction after the other, until they are told to stop."""

    url: str
    body: bytes
    answered: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    stopped: bool = False
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def newest(self) -> str | None:
        """The version that has answered last."""
        return self.answered[-1]["model_version"] if self.answered else None

    def start(self, clients: int) -> None:
        self.threads += [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        self.stopped = True
        for thread in self.threads:
            thread.join()

    def _ask(self) -> None:
        host = self.url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=20)
        while not self.stopped:
            try:
                connection.request("POST", "/v1/predict", self.body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                told = json.loads(answer.read())
                (self.answered.append(told) if answer.status == 200 else self.refused.append(str(told)))
            except (OSError, http.client.HTTPException) as error:
                self.refused.append(repr(error))
                connection.close()
                time.sleep(0.05)
        connection.close()


@contextlib.contextmanager
def asking(url: str, example: dict[str, Any], clients: int = 4) -> Iterator[Asking]:
    load = Asking(url, json.dumps({"rows": [example]}).encode())
    load.start(clients)
    try:
        yield load
    finally:
        load.stop()


def logged(project: BakedProject) -> list[str]:
    found: list[str] = json.loads(project.python(LOGGED).splitlines()[-1])
    return found


def workers(url: str) -> list[int]:
    """The processes that answer, which the server at `url` has started."""
    port = url.rsplit(":", 1)[1]
    (server,) = pgrep("-f", f"{PACKAGE} serve --port {port}")
    return pgrep("-f", "-P", str(server), "spawn_main")


def values(url: str, name: str) -> list[float]:
    """Of a metric of Prometheus, one for each of its sets of labels."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as response:
        lines = response.read().decode().splitlines()
    return [float(line.split()[-1]) for line in lines if line.startswith(name)]


def pgrep(*arguments: str) -> list[int]:
    return [int(pid) for pid in subprocess.run(["pgrep", *arguments], capture_output=True, text=True).stdout.split()]


def test_the_client_of_mlflow_is_answered(deployed: BakedProject, api: str, example: dict[str, Any]) -> None:
    host, port = api.removeprefix("http://").split(":")
    told = deployed.run(".venv/bin/python", "-c", MLFLOW, host, port, json.dumps(example))
    assert {row["label"] for row in json.loads(told.splitlines()[-1])} <= {"late", "on_time"}


def test_the_client_of_triton_is_answered(tools: Path, api: str, example: dict[str, Any]) -> None:
    command = [str(tools), "-c", TRITON, api.removeprefix("http://"), PACKAGE, json.dumps(example)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert set(told["label"]) <= {"late", "on_time"}
    assert [sum(row) for row in told["probabilities"]] == pytest.approx([1, 1])


def test_the_document_is_kept_to(tools: Path, api: str, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(SCHEMATHESIS, encoding="utf-8")
    command = [
        str(tools.with_name("schemathesis")), "--config-file", str(tmp_path / "schemathesis.toml"), "run",
        f"{api}/docs/openapi.json", "--url", api, "--checks", "all", "--max-examples", "25", "--seed", "7",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-5000:]


def test_what_was_answered_is_in_the_log_once_though_workers_are_killed(
    apart: Callable[..., BakedProject], example: dict[str, Any]
) -> None:
    chance, project = random.Random(7), apart(workers="2")
    with serving(project.root) as url, asking(url, example, clients=8) as load:
        for _ in range(3):
            time.sleep(chance.uniform(6, 7))  # workers that die within 5.5 s of their start end the server
            for worker in workers(url):
                os.kill(worker, signal.SIGKILL)
            until(lambda: len(workers(url)) == 2)
        count = len(load.answered)
        until(lambda: len(load.answered) > count + 50)
    answered = [answer["predictions"][0]["prediction_id"] for answer in load.answered]
    assert len(answered) > 200
    kept = logged(project)
    assert len(kept) == len(set(kept))
    assert set(answered) <= set(kept)


def test_a_new_deployment_is_taken_up_under_load_and_a_broken_one_is_not(
    apart: Callable[..., BakedProject], example: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    project, told = apart(), ""

    def refused() -> bool:
        nonlocal told
        told += "".join(capfd.readouterr())
        return "the new deployment is refused, the old one goes on" in told

    shutil.copytree(project.root / "deploy/bundles/1", project.root / "deploy/bundles/2")
    target = project.root / "deploy/deployment.json"
    first = target.read_text(encoding="utf-8")
    with serving(project.root) as url, asking(url, example) as load:
        for version in ("2", "broken", "1"):
            now = first.replace('"1"', f'"{version}"').replace("bundles/1", f"bundles/{version}")
            target.with_suffix(".new").write_text(now, encoding="utf-8")
            target.with_suffix(".new").replace(target)
            if version == "broken":
                until(refused)
            answers_by(load, "2" if version == "broken" else version)
    assert load.refused == []


def test_who_has_been_let_in_is_answered_before_the_server_ends(
    apart: Callable[..., BakedProject], example: dict[str, Any]
) -> None:
    project = apart()
    with contextlib.ExitStack() as clients, serving(project.root) as url:
        load = clients.enter_context(asking(url, example, clients=8))
        until(lambda: len(load.answered) > 100)
    assert set(logged(project)) == {one["predictions"][0]["prediction_id"] for one in load.answered}


def test_ten_thousand_slow_and_idle_clients_hold_up_nobody(api: str, example: dict[str, Any]) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    host, port = api.removeprefix("http://").split(":")
    head, slow = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n", []
    with contextlib.ExitStack() as open_ones:
        for number in range(min(10_000, most - 500)):
            one = open_ones.enter_context(socket.create_connection((host, int(port))))
            one.sendall(b"" if number % 3 == 0 else head if number % 3 == 1 else head + b"Content-Length: 900\r\n\r\n{")
            slow.append(one)
        assert len(post(api, {"rows": [example]})["predictions"]) == 1
        for one in slow:  # none had to be given up for it
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.recv(1)


def test_all_workers_count_requests_in_redis_and_each_alone_while_it_is_away(
    apart: Callable[..., BakedProject], example: dict[str, Any]
) -> None:
    def statuses(count: int) -> Counter[int]:
        found: Counter[int] = Counter()
        for _ in range(count):
            try:
                post(url, {"rows": [example]})
                found[200] += 1
            except urllib.error.HTTPError as error:
                found[error.code] += 1
        return found

    port = str(free_port())
    project = apart(workers="2", rate_limit="5/hour", rate_limit_storage=f"redis://127.0.0.1:{port}")
    server = [required("redis-server", "redis-server"), "--port", port, "--save", "", "--dir", str(project.root)]
    with subprocess.Popen(server, stdout=subprocess.DEVNULL) as redis, serving(project.root) as url:
        assert statuses(20) == {200: 5, 429: 15}
        redis.terminate()
        redis.wait(30)
        found = statuses(40)
        assert set(found) == {200, 429}
        assert found[200] <= 10


def test_metrics_are_of_all_workers(apart: Callable[..., BakedProject], example: dict[str, Any]) -> None:
    with serving(apart(workers="2").root) as url, asking(url, example) as load:
        until(lambda: len(load.answered) > 200)
        load.stop()
        until(lambda: sum(values(url, "predicted_rows_total")) == len(load.answered))
        assert len(values(url, "worker_resident_bytes")) == 2


def test_the_log_may_be_in_postgresql(
    apart: Callable[..., BakedProject], example: dict[str, Any], postgres: str
) -> None:
    project = apart(prediction_log=postgres)
    with serving(project.root) as url:
        answer = post(url, {"rows": [example] * 3, "user": "ann"})
        ids = [one["prediction_id"] for one in answer["predictions"]]
        until(lambda: set(ids) <= set(logged(project)))
        taken = post(url, {"feedback": [{"prediction_id": one, "truth": "late"} for one in ids]}, "/v1/feedback")
        assert taken == {"taken": 3, "errors": []}


def test_the_traffic_of_the_course_is_answered_and_its_truths_are_taken(
    apart: Callable[..., BakedProject], deployed: BakedProject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = apart()
    (project.root / "data").mkdir()
    (project.root / "data" / "splits").symlink_to(deployed.root / "data" / "splits")
    taught = bake(tmp_path_factory.mktemp("taught"), hooks=False, project_name="Late Planes", course="yes")
    with serving(project.root) as url:
        told = project.run(".venv/bin/python", str(taught / "course" / "traffic.py"), url)
    assert "250 users asked about 10 flights each, and told how 2,500 of them went" in told


def test_without_its_database_the_api_goes_on_and_the_log_is_filled_later(
    apart: Callable[..., BakedProject], example: dict[str, Any], postgres: str
) -> None:
    away = apart(prediction_log=re.sub(r":\d+/", f":{free_port()}/", postgres))
    with serving(away.root) as url:
        ids = [post(url, {"rows": [example]})["predictions"][0]["prediction_id"] for _ in range(20)]
    assert set(ids) <= set(logged(apart(prediction_log=postgres)))


def test_others_than_this_machine_need_a_key(apart: Callable[..., BakedProject], example: dict[str, Any]) -> None:
    project = apart()
    command = (".venv/bin/python", "-m", PACKAGE)
    assert "error: 0.0.0.0 can be reached from other machines" in project.run(
        *command, "serve", "--host", "0.0.0.0", fails=True
    )
    key = project.run(*command, "keys", "add", "ann").strip()
    with serving(project.root) as url:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            post(url, {"rows": [example]})
        assert len(post(url, {"rows": [example]}, key=key)["predictions"]) == 1
        told = project.run("env", f"API_KEY={key}", *command, "predict", "--url", url)
        assert json.loads(told)["model_version"] == "1"


def test_a_minute_of_mixed_load_is_held_out(apart: Callable[..., BakedProject], deployed: BakedProject) -> None:
    project = apart()
    (project.root / "src").symlink_to(deployed.root / "src")
    soak = [sys.executable, str(TEMPLATE / "tools" / "soak.py"), "1", str(project.root)]
    done = subprocess.run(soak, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    assert "each in the log once" in done.stdout


def answers_by(load: Asking, version: str) -> None:
    """They become answers by that version, and stay so."""
    until(lambda: load.newest == version)
    count = len(load.answered)
    until(lambda: len(load.answered) > count + 50)
    assert {answer["model_version"] for answer in load.answered[count + 8 :]} == {version}
