"""The other kinds of task, end to end: on the flights and on a table of one's own."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import portable_models
import pytest
from bake import bake, share_environment

from ..conftest import BakedProject, make_own

Report = dict[str, dict[str, float]]

ASK = """
import json
from {package} import config
from {package}.layout import Layout
from {package}.retraining.simulation import live_api
from {package}.serving import client
layout = Layout()
with live_api(layout) as url:
    print(json.dumps(client.predict(url, [client.example(layout)] * 250)["predictions"][0]))
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
    """A prediction of the deployed model, whose log `monitor` can judge then."""
    told = project.python(ASK.format(package=package))
    watched = project.run("bash", "-c", f".venv/bin/python -m {package} monitor --no-report || test $? -eq 3")
    assert "250 predictions in 1 windows" in watched
    return dict(json.loads(told.splitlines()[-1]))


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


@pytest.fixture(scope="module")
def committed(delays: BakedProject) -> BakedProject:
    """`dvc exp run` starts from a commit."""
    delays.run("git", "add", "--all")
    delays.run("git", "commit", "--quiet", "--no-verify", "--message", "Minutes")
    return delays


def test_three_classes_are_an_experiment_away(committed: BakedProject) -> None:
    delays = committed
    delays.make("experiment", "ARGS=-S task=delay_kind -S experiment=smoke")
    report = json.loads(delays.text("results/evaluation.json"))
    assert report["auc"]["naive"] == 0.5 < report["auc"]["low"]
    schema = json.loads(delays.text("models/bundle/schema.json"))
    assert sorted(schema["classes"]) == ["left_late", "on_time", "slow_on_the_way"]
    told = delays.make("promote")
    assert "there is no champion that could answer on it" in told
    delays.make("deploy")
    assert set(answered(delays, "delay_minutes")["probabilities"]) == set(schema["classes"])  # type: ignore[call-overload]


def test_routes_are_grouped(committed: BakedProject) -> None:
    report = asked(committed, "-S task=routes -S split=random")
    assert report["silhouette"]["naive"] < 0.1 < report["silhouette"]["low"]
    assert answered(committed, "delay_minutes")["cluster"] in range(8)


def test_unusual_days_of_an_airport_are_found(committed: BakedProject) -> None:
    report = asked(committed, "-S task=airport_days")
    assert report["auc"]["naive"] == 0.5 < report["auc"]["low"]
    most = next(csv.DictReader(committed.text("results/plots/most_unusual.csv").splitlines()))
    assert float(most["precip"]) > 3  # inches: the rest of the tropical storm Andrea, on 7 June 2013
    assert answered(committed, "delay_minutes")["unusual"] is False


def test_the_next_fortnight_is_forecast(committed: BakedProject) -> None:
    report = asked(committed, "-S task=daily")
    assert report["skill"]["naive"] == 0 < report["skill"]["low"]
    (column,) = json.loads(committed.text("models/bundle/schema.json"))["columns"]
    assert (column["categories"][0], len(column["categories"])) == ("2013-07-01", 14)
    forecast = answered(committed, "delay_minutes")
    assert 0 < float(str(forecast["low"])) < float(str(forecast["value"])) < float(str(forecast["high"])) < 1


def asked(project: BakedProject, settings: str) -> Report:
    """The evaluation of another question about the flights, whose model is then deployed."""
    project.make("experiment", f"ARGS={settings}")
    assert json.loads(project.text("results/parity.json"))["same"]
    project.make("promote", "deploy")
    report: Report = json.loads(project.text("results/evaluation.json"))
    return report


def test_the_page_of_portable_models_says_what_is(delays: BakedProject) -> None:
    """All but the size of the differences, which is the machine's."""
    found = portable_models.page(portable_models.forms(delays.root))
    page = portable_models.PAGE.read_text(encoding="utf-8")
    assert [line.rsplit("|", 2)[0] for line in found.splitlines()] == [
        line.rsplit("|", 2)[0] for line in page.splitlines()
    ]


@pytest.mark.parametrize(
    ("name", "answers", "wanted"),
    [
        ("iris.json", {"task": "clustering"}, {"cluster"}),
        ("iris.json", {"task": "anomaly"}, {"unusual", "score"}),
        (
            "seattle-weather.csv",
            {"task": "forecasting", "target": "temp_max", "time_column": "date"},
            {"value", "low", "high"},
        ),
    ],
)
def test_an_own_table_is_enough(
    name: str,
    answers: dict[str, str],
    wanted: set[str],
    tmp_path: Path,
    package_data: Path,
    installed: BakedProject,
) -> None:
    content = (package_data / "vega_datasets" / "_data" / name).read_text(encoding="utf-8")
    (tmp_path / name).write_text(content, encoding="utf-8")
    project = make_own(tmp_path, data_path=name, **answers)
    gate = project.root / "conf" / "gate" / "default.yaml"
    gate.write_text(gate.read_text(encoding="utf-8").replace("floor: null", "floor: -1  "), encoding="utf-8")
    project.make("pipeline", "promote", "deploy")
    assert set(answered(project, "own_table")) == {"prediction_id", "warnings", *wanted}


def test_a_number_of_an_own_table_becomes_a_model(tmp_path: Path, package_data: Path, installed: BakedProject) -> None:
    content = (package_data / "vega_datasets" / "_data" / "cars.json").read_text(encoding="utf-8")
    (tmp_path / "cars.json").write_text(content, encoding="utf-8")
    project = make_own(tmp_path, data_path="cars.json", target="Miles_per_Gallon", task="regression")
    told = project.make("pipeline")
    assert "8 rows have no miles_per_gallon" in told
    assert json.loads(project.text("results/evaluation.json"))["r2"]["low"] > 0.6
    project.make("promote", "deploy")
    assert 5 < float(str(answered(project, "own_table")["value"])) < 60
