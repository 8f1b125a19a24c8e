"""Runs, versions and aliases on a real MLflow server over PostgreSQL, and a version made once more."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from bake import bake, share_environment

from ..conftest import BakedProject
from .conftest import free_port

START_SECONDS = 120
WEAK = """# @package _global_
automl: {models: {classification: [dt]}, screening: null, sample_rows: 1500}
gate: {floor: 0.4}
task: {behaviour: []}
"""


@pytest.fixture(scope="module")
def mlflow_server(
    installed: BakedProject, postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """Its address, and the folder in which it keeps artifacts."""
    artifacts, port = tmp_path_factory.mktemp("artifacts"), free_port()
    command = [
        str(installed.root / ".venv" / "bin" / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backend-store-uri", postgres, "--artifacts-destination", str(artifacts),
    ]  # fmt: skip
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PATH": f"{installed.root}/.venv/bin:/usr/bin:/bin"}
    log = artifacts.with_suffix(".log")
    with log.open("w", encoding="utf-8") as told:
        process = subprocess.Popen(command, env=environment, cwd=artifacts, stdout=told, stderr=told)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(url):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.2)
        yield url, artifacts
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="module")
def remote(installed: BakedProject, mlflow_server: tuple[str, Path]) -> Iterator[BakedProject]:
    """A project whose runs and versions are on the server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", mlflow_server[0])
        project = BakedProject(bake(installed.root.parent, project_name="Remote Registry"))
        share_environment(project.root)
        project.make("setup")
        (project.root / "conf" / "experiment" / "weak.yaml").write_text(WEAK, encoding="utf-8")
        yield project


def try_experiment(project: BakedProject, name: str) -> str:
    settings = project.root / "conf" / "config.yaml"
    lines = settings.read_text(encoding="utf-8").splitlines()
    chosen = [f"  - experiment: {name}" if line.startswith("  - experiment:") else line for line in lines]
    settings.write_text("\n".join(chosen) + "\n", encoding="utf-8")
    return project.make("pipeline", "promote")


def aliases(url: str) -> dict[str, str]:
    asked = f"{url}/api/2.0/mlflow/registered-models/get?name=remote_registry"
    with urllib.request.urlopen(asked, timeout=10) as response:
        found = json.load(response)["registered_model"]["aliases"]
    return {one["alias"]: one["version"] for one in found}


def test_versions_live_on_a_server_over_postgresql(remote: BakedProject, mlflow_server: tuple[str, Path]) -> None:
    url, artifacts = mlflow_server
    assert "Promoted: version 1 is champion" in try_experiment(remote, "weak")
    assert "Promoted: version 2 is champion" in try_experiment(remote, "null")
    assert aliases(url) == {"champion": "2", "previous": "1"}
    assert "version 2" in remote.make("deploy")
    remote.make("rollback")
    assert aliases(url) == {"champion": "1", "previous": "2"}
    assert json.loads(remote.text("deploy/deployment.json"))["champion"]["version"] == "1"
    assert list(artifacts.rglob("model.onnx"))
    assert not (remote.root / "mlruns").exists()


def test_a_version_of_the_server_is_made_again(remote: BakedProject) -> None:
    """The second one: it was trained with a file that no commit has, and settings that have changed since."""
    told = remote.run(".venv/bin/python", "-m", "remote_registry", "reproduce", "2")
    assert "version 2 made again gives the same answers" in told
    assert remote.run("git", "worktree", "list").count("\n") == 1
    refused = remote.run(".venv/bin/python", "-m", "remote_registry", "reproduce", "7", fails=True)
    assert "The registry has no version 7" in refused


def test_a_champion_goes_on_learning(remote: BakedProject) -> None:
    """Naive Bayes has learnt until June; July comes in."""
    bayes = WEAK.replace("[dt]", "[nb]").replace(", sample_rows: 1500", "")
    (remote.root / "conf" / "experiment" / "bayes.yaml").write_text(bayes, encoding="utf-8")
    assert "Promoted: version 3 is champion" in try_experiment(remote, "bayes")
    go_on = (".venv/bin/python", "-m", "remote_registry", "continue")
    assert "No row is later than 2013-05" in remote.run(*go_on, fails=True)
    remote.make("ingest", "ARGS=--next")
    remote.make("pipeline")
    remote.run(*go_on, "--use")
    report = json.loads(remote.text("results/continuation.json"))
    champion, continued, trained, stream = report["contenders"]
    assert [one["name"] for one in report["contenders"]] == ["champion", "continued", "trained", "stream"]
    assert stream["low"] > 0.5
    assert champion["rows"] < continued["rows"] < trained["rows"]
    assert report["difference"] == pytest.approx(continued["value"] - trained["value"], abs=1e-6)
    assert "version 4" in remote.make("promote")


def test_a_run_shows_what_it_was_made_of_and_what_it_cost(
    remote: BakedProject, mlflow_server: tuple[str, Path]
) -> None:
    run_id = json.loads(remote.text("models/trained/run.json"))["run_id"]
    with urllib.request.urlopen(f"{mlflow_server[0]}/api/2.0/mlflow/runs/get?run_id={run_id}", timeout=10) as response:
        found = json.load(response)["run"]["data"]
    tags = {one["key"]: one["value"] for one in found["tags"]}
    metrics = {one["key"]: one["value"] for one in found["metrics"]}
    assert len(tags["lock"]) == 64
    assert len(tags["git_revision"].removesuffix("-dirty")) == 40
    assert tags["dvc.data/splits"]
    assert metrics["train_seconds"] > 0
    assert metrics["train_peak_memory_mb"] > 100
    assert 0 < metrics["holdout_auc"] < 1
