"""The other kinds of task, end to end: a number, and more than two classes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from bake import bake, share_environment

from ..conftest import BakedProject, make_own

ASK = """
import json
from {package} import config
from {package}.layout import Layout
from {package}.retraining.simulation import live_api
from {package}.serving import client
layout = Layout()
with live_api(layout) as url:
    print(json.dumps(client.predict(url, [client.example(layout)])))
"""


@pytest.fixture(scope="module")
def delays(installed: BakedProject) -> BakedProject:
    """Flights by how late they are, from nothing to a deployed model; the project stays where it was installed."""
    folder = installed.root.parent
    project = BakedProject(bake(folder, project_name="Delay Minutes", task="regression"))
    share_environment(project.root)
    project.make("setup", "pipeline", "promote", "deploy")
    return project


def answered(project: BakedProject, package: str) -> dict[str, object]:
    told = project.python(ASK.format(package=package))
    (prediction,) = json.loads(told.splitlines()[-1])["predictions"]
    return dict(prediction)


def test_minutes_of_delay_are_learnt_judged_and_answered(delays: BakedProject) -> None:
    report = json.loads(delays.text("results/evaluation.json"))
    assert report["r2"]["naive"] < report["r2"]["low"] < report["r2"]["value"] < report["r2"]["high"]
    assert report["rmse"]["value"] < report["rmse"]["naive"]
    leaderboard = list(csv.DictReader(delays.text("results/leaderboard.csv").splitlines()))
    assert len(leaderboard) == 4
    scores = [float(row["R2"]) for row in leaderboard]
    assert scores == sorted(scores, reverse=True)
    assert json.loads(delays.text("results/parity.json"))["same"]
    assert (delays.root / "results" / "plots" / "evaluation.png").stat().st_size > 10_000
    prediction = answered(delays, "delay_minutes")
    assert -120 < float(str(prediction["value"])) < 1200
    assert "version 1 is the champion already" in delays.make("promote")


def test_three_classes_are_an_experiment_away(delays: BakedProject) -> None:
    delays.run("git", "add", "--all")
    delays.run("git", "commit", "--quiet", "--no-verify", "--message", "Minutes")
    delays.make("experiment", "ARGS=-S task=delay_kind -S experiment=smoke")
    report = json.loads(delays.text("results/evaluation.json"))
    assert report["auc"]["naive"] == 0.5 < report["auc"]["low"]
    schema = json.loads(delays.text("models/bundle/schema.json"))
    assert sorted(schema["classes"]) == ["left_late", "on_time", "slow_on_the_way"]
    told = delays.make("promote")
    assert "there is no champion that could answer on it" in told
    delays.make("deploy")
    assert set(answered(delays, "delay_minutes")["probabilities"]) == set(schema["classes"])  # type: ignore[call-overload]


def test_a_number_of_an_own_table_becomes_a_model(tmp_path: Path, package_data: Path, installed: BakedProject) -> None:
    content = (package_data / "vega_datasets" / "_data" / "cars.json").read_text(encoding="utf-8")
    (tmp_path / "cars.json").write_text(content, encoding="utf-8")
    project = make_own(tmp_path, data_path="cars.json", target="Miles_per_Gallon", task="regression")
    told = project.make("pipeline")
    assert "8 rows have no miles_per_gallon" in told
    assert json.loads(project.text("results/evaluation.json"))["r2"]["low"] > 0.6
    project.make("promote", "deploy")
    assert 5 < float(str(answered(project, "own_table")["value"])) < 60
