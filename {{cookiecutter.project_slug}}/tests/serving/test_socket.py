from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from {{ cookiecutter.package_name }} import config
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.monitoring.store import PredictionLog
from {{ cookiecutter.package_name }}.retraining.simulation import live_api
from {{ cookiecutter.package_name }}.serving import client, server


def test_the_server_answers_over_a_real_socket(deployed: Layout, example: dict[str, Any]) -> None:
    settings = config.load(deployed)
    with live_api(deployed) as url:
        answer = client.predict(url, [example])
    assert answer["model_version"] == "1"
    logged = PredictionLog(settings.monitoring.prediction_log, deployed).newest("1", 1)
    assert logged[0].prediction_id == answer["predictions"][0]["prediction_id"]


def test_a_check_lets_the_model_answer_and_logs_nothing(deployed: Layout) -> None:
    (told,) = server.check(config.load(deployed), deployed)
    assert told.startswith("champion version 1 answers its example: {'label'")
    assert PredictionLog(config.load(deployed).monitoring.prediction_log, deployed).count("1") == 0


@pytest.mark.parametrize("count", [1, 3])
def test_the_short_way_answers_as_the_one_by_flask(deployed: Layout, example: dict[str, Any], count: int) -> None:
    body = json.dumps({"rows": [example] * count, "user": "ann"}).encode()

    def asked(media_type: str) -> tuple[dict[str, Any], set[str]]:
        request = urllib.request.Request(f"{url}/v1/predict", body, {"Content-Type": media_type})
        with urllib.request.urlopen(request, timeout=10) as response:
            answer = json.load(response)
        assert response.headers["X-Request-ID"] == answer.pop("request_id")
        ids = [one.pop("prediction_id") for one in answer["predictions"]]
        assert ids == [one.prediction_id for one in log.newest("1", count)]
        return answer, set(response.headers)

    log = PredictionLog(config.load(deployed).monitoring.prediction_log, deployed)
    with live_api(deployed) as url:
        assert asked("application/json") == asked("application/json; charset=utf-8")
        metrics = urllib.request.urlopen(f"{url}/metrics", timeout=10).read().decode()
    assert 'http_requests_total{endpoint="predict.predict",status="200"} 2.0' in metrics


def test_what_fails_on_the_short_way_is_told_by_flask(deployed: Layout, example: dict[str, Any]) -> None:
    shutil.rmtree(deployed.journal, ignore_errors=True)
    deployed.journal.parent.mkdir(exist_ok=True)
    deployed.journal.touch()  # no folder, so that nothing can be written there
    with live_api(deployed) as url, pytest.raises(ProjectError, match="Internal Server Error"):
        client.predict(url, [example])


@pytest.mark.parametrize(("text", "message"), [("{", "is not JSON"), ('{"a": 1}', "must hold a list of rows")])
def test_a_file_of_rows_that_is_none_is_named(tmp_path: Path, text: str, message: str) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(text, encoding="utf-8")
    with pytest.raises(ProjectError, match=f"rows.json {message}"):
        client.read_rows(rows)


def test_where_no_api_answers_it_says_how_to_start_one(example: dict[str, Any]) -> None:
    with pytest.raises(ProjectError, match="start the API with `make serve`"):
        client.predict("http://127.0.0.1:9", [example])
