from __future__ import annotations

from typing import Any

from {{ cookiecutter.package_name }} import config
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.monitoring.store import PredictionLog
from {{ cookiecutter.package_name }}.retraining.simulation import live_api
from {{ cookiecutter.package_name }}.serving import client


def test_the_server_answers_over_a_real_socket(deployed: Layout, example: dict[str, Any]) -> None:
    settings = config.load(deployed)
    with live_api(deployed) as url:
        answer = client.predict(url, [example])
    assert answer["model_version"] == "1"
    logged = PredictionLog(settings.monitoring.prediction_log, deployed).newest("1", 1)
    assert logged[0].prediction_id == answer["predictions"][0]["prediction_id"]
