"""A rendered project, from `make setup` to a served model. The tests build on each other, in this order."""

from __future__ import annotations

import csv
import json
import re
import shutil
import urllib.request
from pathlib import Path
from typing import Any

import reference
from bake import ENVIRONMENT

from ..conftest import TEMPLATE, BakedProject

ZONES = """
import duckdb, json
zones = {
    "formatted": "data/formatted/flights/*.parquet", "trusted": "data/trusted/flights.parquet",
    "weather": "data/trusted/weather.parquet", "refused": "data/quarantine/trust/weather.parquet",
    "exploitation": "data/exploitation/departures.parquet", "train": "data/splits/train.parquet",
    "validation": "data/splits/validation.parquet", "test": "data/splits/test.parquet",
}
print(json.dumps({name: duckdb.read_parquet(path).shape[0] for name, path in zones.items()}))
"""
REGISTRY = """
import json
from mlflow import MlflowClient
client = MlflowClient("sqlite:///mlflow.db")
model = client.get_registered_model("late_planes")
version = client.get_model_version_by_alias("late_planes", "champion")
run = client.get_run(version.run_id)
inputs = [dataset.dataset.digest for dataset in run.inputs.dataset_inputs]
found = [artifact.path for artifact in client.list_artifacts(version.run_id)]
print(json.dumps({
    "aliases": {alias: str(number) for alias, number in model.aliases.items()}, "version": str(version.version),
    "metrics": run.data.metrics, "tags": run.data.tags, "params": run.data.params, "inputs": inputs, "artifacts": found,
}))
"""


def last_json(text: str) -> Any:
    return json.loads(text.strip().splitlines()[-1])


def post(url: str, body: object) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def test_without_setup_a_target_says_what_to_do(baked: BakedProject) -> None:
    assert "run `make setup` first" in baked.make("pipeline", fails=True)


def test_setup_installs_the_lock_the_hooks_and_the_store(installed: BakedProject) -> None:
    assert (installed.root / ".git" / "hooks" / "pre-commit").is_file()
    assert installed.has_file("mlflow.db")
    assert "late_planes" in installed.python("import late_planes; print(late_planes.__name__)")
    assert installed.run("git", "status", "--porcelain") == ""


def test_every_zone_holds_the_rows_it_should(trained: BakedProject) -> None:
    rows = last_json(trained.python(ZONES))
    assert rows["formatted"] == rows["trusted"] == 13847
    assert (rows["weather"], rows["refused"]) == (13013, 1)
    assert rows["exploitation"] == rows["train"] + rows["validation"] + rows["test"] == 13398
    assert rows["train"] > rows["test"] > rows["validation"] > 0
    quality = json.loads(trained.text("results/quality.json"))
    weather = quality["weather"]
    assert (weather["rows_in"], weather["duplicates"], weather["quarantined"], weather["rows_out"]) == (
        13014,
        0,
        1,
        13013,
    )
    assert weather["validity"] == round(1 - 1 / 13014, 6)


def test_the_search_tried_four_models_and_the_bundle_answers_the_same(trained: BakedProject) -> None:
    leaderboard = list(csv.DictReader(trained.text("results/leaderboard.csv").splitlines()))
    assert len(leaderboard) == 4
    scores = [float(row["AUC"]) for row in leaderboard]
    assert scores == sorted(scores, reverse=True)
    report = json.loads(trained.text("results/evaluation.json"))
    assert 0.65 < report["auc"]["value"] < 0.8
    assert report["auc"]["naive"] == 0.5 < report["auc"]["low"]
    assert report["log_loss"]["value"] < report["log_loss"]["naive"]
    parity = json.loads(trained.text("results/parity.json"))
    assert parity["same"]
    assert parity["largest_difference"] < 1e-4
    assert (trained.root / "results" / "plots" / "evaluation.png").stat().st_size > 10_000


def test_run_again_nothing_runs(trained: BakedProject) -> None:
    told = trained.make("pipeline")
    assert "Data and pipelines are up to date" in told
    assert "Running stage" not in told


def test_one_changed_line_of_conf_runs_only_the_stages_that_read_it(trained: BakedProject) -> None:
    trust = trained.root / "conf" / "trust" / "default.yaml"
    before = trust.read_text(encoding="utf-8")
    trust.write_text(before.replace("0.05", "0.06"), encoding="utf-8")
    assert "params.yaml does not say what conf/ says" in trained.run(
        ".venv/bin/python", "-m", "late_planes", "compose", "--check", fails=True
    )
    told = trained.make("pipeline")
    assert re.findall(r"Running stage '(\w+)'", told) == ["format", "trust"]
    trust.write_text(before, encoding="utf-8")
    trained.make("pipeline")
    assert trained.run("git", "status", "--porcelain") == ""


def test_a_stage_that_fails_says_why_and_loses_nothing(trained: BakedProject) -> None:
    view = trained.root / "sql" / "departures.sql"
    before = view.read_text(encoding="utf-8")
    view.write_text(before.replace("w.temp,", "w.temperature,"), encoding="utf-8")
    told = trained.make("pipeline", fails=True)
    assert re.search(r"error: sql/departures\.sql does not run: .*temperature", told)
    assert "Traceback" not in told
    assert last_json(trained.python(ZONES))["exploitation"] == 13398
    view.write_text(before, encoding="utf-8")
    assert "Data and pipelines are up to date" in trained.make("pipeline")


def test_what_is_known_only_afterwards_stops_at_the_leakage_gate(trained: BakedProject) -> None:
    view = trained.root / "sql" / "departures.sql"
    before = view.read_text(encoding="utf-8")
    view.write_text(
        before.replace("f.distance,", "f.distance, f.dep_delay, f.arr_delay, f.air_time,"), encoding="utf-8"
    )
    told = trained.make("pipeline", fails=True)
    assert "3 feature(s) leak the answer, so nothing is trained" in told
    assert "arr_delay: it orders late: alone it tells it without error" in told
    assert "air_time: metadata.yaml says that it is known only afterwards" in told
    assert re.search(r"dep_delay: (alone it predicts late|metadata.yaml)", told)
    report = json.loads(trained.text("results/leakage/leakage.json"))
    assert [leak["column"] for leak in report["leaks"]] == ["arr_delay", "dep_delay", "air_time"]
    view.write_text(before, encoding="utf-8")
    trained.make("pipeline")
    assert trained.run("git", "status", "--porcelain") == ""


def test_a_question_in_sql_is_answered_from_any_zone(trained: BakedProject) -> None:
    question = "select count(*) as n from trusted.flights where origin = 'JFK'"
    assert trained.run(".venv/bin/python", "-m", "late_planes", "sql", "--csv", question) == "n\n4633\n"
    assert "names the columns that the data has" in trained.make("schema", "ARGS=planes")
    asked = "select count(*) from exploitation.departures"
    assert "13398" in trained.run("bash", "-c", f"echo '{asked};' | make --no-print-directory sql")


def test_every_run_is_in_the_log_and_said_in_openlineage(trained: BakedProject) -> None:
    steps = [json.loads(line) for line in trained.text("results/governance/runs.jsonl").splitlines()]
    assert {"ingest", "format", "trust", "exploit", "profile", "split", "leakage", "train", "evaluate", "export"} <= {
        entry["step"] for entry in steps
    }
    assert all(re.fullmatch(r"[0-9a-f]{40}(-dirty)?", entry["git_revision"]) for entry in steps)
    events = [json.loads(line) for line in trained.text("results/governance/openlineage.jsonl").splitlines()]
    assert len(events) == len(steps)
    (late,) = {
        json.dumps(output["facets"]["columnLineage"]["fields"]["late"]["inputFields"])
        for event in events
        if event["job"]["name"] == "exploit"
        for output in event["outputs"]
        if output["name"].endswith("departures")
    }
    assert [field["name"] + "." + field["field"] for field in json.loads(late)] == ["trusted.flights.arr_delay"]


def test_the_registry_holds_the_champion_with_its_lineage(deployed: BakedProject) -> None:
    found = last_json(deployed.python(REGISTRY))
    assert found["aliases"] == {"champion": found["version"]} == {"champion": "1"}
    assert found["metrics"]["holdout_auc"] == json.loads(deployed.text("results/metrics.json"))["auc"]
    assert found["params"]["automl.models.classification"] == '["lr", "dt", "rf", "lightgbm"]'
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", found["tags"]["git_revision"])
    assert found["tags"]["dvc.data/splits"].endswith(".dir")
    assert found["tags"]["dvc.data/landing"].endswith(".dir")
    assert len(found["inputs"]) == 1
    assert {"bundle", "plots", "params.yaml", "leaderboard.json"} <= set(found["artifacts"])
    assert "is the champion already" in deployed.make("promote")


def test_the_api_answers_over_http_and_logs_what_it_answered(deployed: BakedProject, api: str) -> None:
    schema = json.loads(deployed.text("deploy/bundles/1/schema.json"))
    answer = post(f"{api}/v1/predict", {"rows": [schema["example"]] * 3})
    assert answer["model_version"] == "1"
    (one,) = {json.dumps(prediction["probabilities"]) for prediction in answer["predictions"]}
    assert sum(json.loads(one).values()) == 1
    (prediction,) = {prediction["prediction_id"].split("-")[0] for prediction in answer["predictions"]}
    assert prediction == answer["request_id"]
    told = deployed.run(".venv/bin/python", "-m", "late_planes", "lineage", f"{prediction}-2")
    assert f"prediction  {prediction}-2" in told


def test_make_predict_prints_question_and_answer(deployed: BakedProject, api: str) -> None:
    told = json.loads(deployed.make("predict", f"PORT={api.rsplit(':', 1)[1]}"))
    assert told["model_version"] == "1"
    assert told["rows"][0].keys() >= {"carrier", "distance", "temp"}
    assert told["predictions"][0]["label"] in ("late", "on_time")


def test_a_prediction_is_traced_back_to_the_landed_files(deployed: BakedProject, api: str) -> None:
    schema = json.loads(deployed.text("deploy/bundles/1/schema.json"))
    answer = post(f"{api}/v1/predict", {"rows": [schema["example"]]})
    prediction = answer["predictions"][0]["prediction_id"]
    told = deployed.run(".venv/bin/python", "-m", "late_planes", "lineage", prediction)
    assert f"prediction  {prediction}" in told
    assert "model       version 1" in told
    assert re.search(r"code        git [0-9a-f]{40}", told)
    assert re.search(r"data/splits +md5 [0-9a-f]{32}\.dir", told)
    assert (
        len(re.findall(r"landed      data/landing/flights/\w+/\S+\.csv\.gz  from data/bundled/\S+  sha256", told)) == 15
    )
    unknown = deployed.run(".venv/bin/python", "-m", "late_planes", "lineage", "nobody", fails=True)
    assert "no prediction nobody in the prediction log" in unknown


def test_a_port_that_is_taken_is_named(deployed: BakedProject, api: str) -> None:
    port = api.rsplit(":", 1)[1]
    told = deployed.make("serve", f"PORT={port}", fails=True)
    assert f"error: 127.0.0.1:{port} cannot be listened on" in told
    assert "Traceback" not in told


def test_the_reference_is_that_of_the_package(deployed: BakedProject) -> None:
    written = (TEMPLATE / "docs" / "reference.md").read_text(encoding="utf-8")
    assert reference.page(deployed.root) == written


def test_docs_document_every_module(deployed: BakedProject) -> None:
    deployed.make("docs")
    modules = [path.stem for path in (deployed.root / "src" / "late_planes").rglob("[a-z]*.py")]
    pages = [path.stem for path in (deployed.root / "docs" / "api").rglob("*.html")]
    assert set(modules) <= set(pages)


def test_the_notebook_runs(deployed: BakedProject, tmp_path: Path) -> None:
    command = [".venv/bin/jupyter", "execute", "notebooks/explore.ipynb", f"--output={tmp_path / 'explore.ipynb'}"]
    deployed.run(*command)
    text = (tmp_path / "explore.ipynb").read_text(encoding="utf-8")
    assert text.count("image/png") == 2


def test_an_experiment_is_composed_by_dvc_as_by_the_project(deployed: BakedProject) -> None:
    deployed.make("experiment", "ARGS=-S experiment=smoke -S seed=7")
    composed = deployed.python(
        "from late_planes.compose import composed; from late_planes.layout import Layout;"
        "print(composed(Layout(), ['experiment=smoke', 'seed=7']), end='')"
    )
    assert deployed.text("params.yaml") == composed
    shown = json.loads(deployed.run(".venv/bin/dvc", "exp", "show", "--json"))
    assert any(revision.get("experiments") for revision in shown)
    told = deployed.make("promote")  # one tree on few rows
    assert "the gate refuses the model, nothing is registered: behaviour" in told
    deployed.run("git", "checkout", "--quiet", "--", ".")
    deployed.run(".venv/bin/dvc", "checkout", "--quiet")


def test_a_clone_gets_the_data_of_its_commit_from_the_remote(deployed: BakedProject) -> None:
    deployed.run(".venv/bin/dvc", "push", "--quiet")
    clone = deployed.root.parent / "clone"
    deployed.run("git", "clone", "--quiet", ".", str(clone))
    (clone / ".venv").symlink_to(ENVIRONMENT)
    other = BakedProject(clone)
    other.run(".venv/bin/dvc", "pull", "--quiet")
    assert other.run(".venv/bin/dvc", "status").strip() == "Data and pipelines are up to date."
    assert last_json(other.python(ZONES)) == last_json(deployed.python(ZONES))
    shutil.rmtree(clone)
