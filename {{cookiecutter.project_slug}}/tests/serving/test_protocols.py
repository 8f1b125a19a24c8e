from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from {{ cookiecutter.package_name }} import config
from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.layout import PACKAGE, Layout
from {{ cookiecutter.package_name }}.monitoring.store import PredictionLog
from {{ cookiecutter.package_name }}.serving import auth, logs
from {{ cookiecutter.package_name }}.serving.live import Live
from {{ cookiecutter.package_name }}.serving.rows import as_csv

Row = dict[str, Any]


def test_wrong_rows_are_left_out_and_named_when_asked_for(client: FlaskClient, example: Row) -> None:
    rows = [example, {**example, "year": "far"}, example]
    body = client.post("/v1/predict?strict=false", json={"rows": rows}).get_json()
    assert [prediction is None for prediction in body["predictions"]] == [False, True, False]
    assert [error["field"] for error in body["errors"]] == ["rows.1.year"]


def test_a_table_is_answered_as_its_rows_are(client: FlaskClient, example: Row) -> None:
    rows = [example, {**example, "bill_length_mm": None}]
    asked = client.post("/v1/predict", data=as_csv(rows), content_type="text/csv")
    same = client.post("/v1/predict", json={"rows": rows})
    assert labels(asked.get_json()) == labels(same.get_json())


@pytest.mark.parametrize("form", ["dataframe_split", "dataframe_records", "inputs", "instances"])
def test_the_forms_of_mlflow_are_answered(client: FlaskClient, example: Row, form: str) -> None:
    given: dict[str, Any] = {
        "dataframe_split": {"columns": list(example), "data": [list(example.values())]},
        "dataframe_records": [{**example, "more": 1}],
        "inputs": {name: [value] for name, value in example.items()},
        "instances": [example],
    }
    body = client.post("/invocations", json={form: given[form]}).get_json()
    assert labels(body) == labels(client.post("/v1/predict", json={"rows": [example]}).get_json())


def test_the_open_inference_protocol_is_answered(client: FlaskClient, example: Row) -> None:
    described = client.get(f"/v2/models/{PACKAGE}").get_json()
    inputs = [{**one, "shape": [1], "data": [example[one["name"]]]} for one in described["inputs"]]
    body = client.post(f"/v2/models/{PACKAGE}/infer", json={"inputs": inputs}).get_json()
    outputs = {one["name"]: one["data"] for one in body["outputs"]}
    assert outputs["label"] == labels(client.post("/v1/predict", json={"rows": [example]}).get_json())
    assert client.post("/v2/models/other/infer", json={"inputs": inputs}).status_code == 404


def test_the_reasons_of_an_answer_add_up_to_it(client: FlaskClient, example: Row) -> None:
    body = client.post("/v1/explain", json={"rows": [example]}).get_json()
    (score,) = client.post("/v1/predict", json={"rows": [example]}).get_json()["predictions"]
    last = list(score["probabilities"].values())[-1]
    assert body["base"] + sum(reason["adds"] for reason in body["explanations"][0]) == pytest.approx(last)
    few = client.post("/v1/predict", json={"rows": [example], "reasons": 2}).get_json()["predictions"][0]["reasons"]
    assert few == body["explanations"][0][:2]


def test_feedback_is_taken_for_what_was_answered(client: FlaskClient, example: Row, deployed: Layout) -> None:
    (answered,) = client.post("/v1/predict", json={"rows": [example]}).get_json()["predictions"]
    items = [{"prediction_id": answered["prediction_id"], "truth": "male"}, {"prediction_id": "none", "wrong": True}]
    taken = client.post("/v1/feedback", json={"feedback": items})
    assert taken.get_json()["taken"] == 1
    assert taken.get_json()["errors"][0]["field"] == "feedback.1.prediction_id"
    log = PredictionLog(config.load(deployed).monitoring.prediction_log, deployed)
    assert log.feedback()[answered["prediction_id"]].truth == "male"
    refused = client.post("/v1/feedback", json={"feedback": [{**items[0], "truth": "dog"}]})
    assert "Input should be" in refused.get_json()["errors"][0]["message"]


def test_an_answer_that_is_not_sure_comes_with_the_fallback(deployed: Layout, example: Row) -> None:
    client = changed(deployed, min_confidence=1.1, fallback="ask a person").app.test_client()  # a tree is always sure
    (answered,) = client.post("/v1/predict", json={"rows": [example]}).get_json()["predictions"]
    assert (answered["confident"], answered["fallback"]) == (False, "ask a person")


def test_keys_open_what_their_roles_say(deployed: Layout, example: Row) -> None:
    key = auth.add(deployed, "ann", ("predict",))
    assert key not in deployed.keys.read_text(encoding="utf-8")
    client = Live(config.load(deployed), deployed).app.test_client()
    ask = {"json": {"rows": [example]}}
    assert client.get("/healthz").status_code == 200
    assert client.post("/v1/predict", **ask).status_code == 401
    assert client.post("/v1/predict", **ask, headers={"Authorization": "Bearer wrong"}).status_code == 401
    for header in ({"Authorization": f"Bearer {key}"}, {"X-API-Key": key}):
        assert client.post("/v1/predict", **ask, headers=header).status_code == 200
    assert client.get("/", auth=("ann", key)).status_code == 200
    assert client.get("/metrics", headers={"X-API-Key": key}).status_code == 403


def test_others_are_not_served_without_keys() -> None:
    with pytest.raises(ProjectError, match="keys add"):
        auth.check_address("0.0.0.0", {})
    auth.check_address("127.0.0.1", {})
    auth.check_address("localhost", {})


def test_too_many_requests_are_refused(deployed: Layout, example: Row) -> None:
    client = changed(deployed, rate_limit="2/minute").app.test_client()
    statuses = [client.post("/v1/predict", json={"rows": [example]}).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert client.get("/healthz").status_code == 200


def test_metrics_count_rows_and_missing_inputs(client: FlaskClient, example: Row) -> None:
    def value(line: str) -> float:
        text = client.get("/metrics").get_data(as_text=True)
        return next((float(one.split()[-1]) for one in text.splitlines() if one.startswith(line)), 0.0)

    rows, missing = 'predicted_rows_total{arm="champion"', 'missing_inputs_total{column="bill_length_mm"}'
    before = value(rows), value(missing)
    client.post("/v1/predict", json={"rows": [example, {**example, "bill_length_mm": None}]})
    assert (value(rows) - before[0], value(missing) - before[1]) == (2, 1)


def test_each_request_is_a_line_of_json_without_what_was_sent(
    deployed: Layout, example: Row, capsys: pytest.CaptureFixture[str]
) -> None:
    client = changed(deployed, log_requests=True).app.test_client()
    logs.configure()
    answer = client.post("/v1/predict", json={"rows": [example]}, headers={"Authorization": "Bearer s3cr3t"})
    (told,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert told["request_id"] == answer.headers["X-Request-ID"] == answer.get_json()["request_id"]
    assert (told["event"], told["path"], told["status"]) == ("request", "/v1/predict", 200)
    assert "s3cr3t" not in str(told)
    assert str(example["species"]) not in str(told)


def labels(body: dict[str, Any]) -> list[str]:
    return [prediction["label"] for prediction in body["predictions"]]


def changed(layout: Layout, **serving: Any) -> Live:
    settings: Config = config.load(layout)
    return Live(settings.model_copy(update={"serving": settings.serving.model_copy(update=serving)}), layout)
