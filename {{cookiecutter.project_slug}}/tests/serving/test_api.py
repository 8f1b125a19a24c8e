from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from {{ cookiecutter.package_name }} import config, deployment
from {{ cookiecutter.package_name }}.deployment import Model
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.models import bundle
from {{ cookiecutter.package_name }}.monitoring.store import PredictionLog
from {{ cookiecutter.package_name }}.serving.live import Live

from .conftest import put_in_charge

Row = dict[str, Any]


def logged(layout: Layout, version: str = "1") -> int:
    return PredictionLog(config.load(layout).monitoring.prediction_log, layout).count(version)


def test_rows_are_answered_in_order_and_logged(client: FlaskClient, example: Row, deployed: Layout) -> None:
    answer = client.post("/v1/predict", json={"rows": [example, {**example, "bill_length_mm": None}]})
    assert answer.status_code == 200
    body = answer.get_json()
    assert body["model_version"] == "1"
    first = body["predictions"][0]
    assert first["label"] in ("male", "female")
    assert first["probability"] == max(first["probabilities"].values())
    assert sum(first["probabilities"].values()) == pytest.approx(1)
    loaded = bundle.load(deployed.deploy / "bundles" / "1")
    probabilities = loaded.outputs(bundle.columns_of([example]))[0]
    assert first["probabilities"] == dict(zip(loaded.schema.classes, probabilities, strict=True))
    assert logged(deployed) == 2


def test_a_category_that_did_not_occur_in_training_is_answered_with_a_warning(
    client: FlaskClient, example: Row
) -> None:
    answer = client.post("/v1/predict", json={"rows": [{**example, "species": "ZZ"}]})
    assert answer.get_json()["predictions"][0]["warnings"] == ["species: 'ZZ' did not occur in training"]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"year": "far"}, "rows.0.year", "Input should be a valid number, got 'far'"),
        ({"year": 1.5}, "rows.0.year", "Input should be a whole number, got '1.5'"),
        ({"bill_length_mm": True}, "rows.0.bill_length_mm", "Input should be a valid number"),
        ({"species": 7}, "rows.0.species", "valid string"),
        ({"colour": "red"}, "rows.0.colour", "no such field"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field(
    client: FlaskClient, example: Row, deployed: Layout, change: Row, field: str, message: str
) -> None:
    answer = client.post("/v1/predict", json={"rows": [{**example, **change}]})
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    (error,) = answer.get_json()["errors"]
    assert error["field"] == field
    assert message in error["message"]
    assert logged(deployed) == 0


def test_a_missing_and_a_misspelt_field_are_both_named(client: FlaskClient, example: Row) -> None:
    misspelt = {("specie" if name == "species" else name): value for name, value in example.items()}
    errors = client.post("/v1/predict", json={"rows": [misspelt]}).get_json()["errors"]
    messages = {error["field"]: error["message"] for error in errors}
    assert messages["rows.0.species"].startswith("This field is missing")
    assert messages["rows.0.specie"] == "There is no such field. Did you mean species?"


@pytest.mark.parametrize("body", ["hello", "{", ""])
def test_a_body_that_is_no_json_is_said_as_such(client: FlaskClient, body: str) -> None:
    answer = client.post("/v1/predict", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert "The body is not JSON" in answer.get_json()["detail"]


def test_no_rows_and_too_many_rows_are_refused(client: FlaskClient, example: Row) -> None:
    assert client.post("/v1/predict", json={"rows": []}).status_code == 422
    answer = client.post("/v1/predict", json={"rows": [example] * 1001})
    assert answer.status_code == 422
    assert "at most 1000 items" in answer.get_json()["errors"][0]["message"]


def test_too_many_bytes_are_refused(client: FlaskClient) -> None:
    answer = client.post("/v1/predict", data=b" " * 5_000_001, content_type="application/json")
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")


def test_an_unknown_address_is_a_problem_too(client: FlaskClient) -> None:
    answer = client.get("/nowhere")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_health_readiness_document_and_pages_answer(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "alive"}
    assert client.get("/readyz").get_json() == {"status": "ready", "model_version": "1"}
    document = client.get("/docs/openapi.json").get_json()
    assert set(document["components"]["schemas"]["Row"]["required"]) >= {"species", "year"}
    refused = document["paths"]["/v1/predict"]["post"]["responses"]["422"]["content"]["application/problem+json"]
    assert refused["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert b"swagger-ui" in client.get("/docs/").data
    page = client.get("/").get_data(as_text=True)
    assert '<select name="species"' in page
    assert "http" not in page.replace("<!doctype html>", "")


def test_without_a_model_the_api_lives_and_says_why_it_does_not_answer(project: Layout) -> None:
    client = Live(config.load(project), project).app.test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    answer = client.post("/v1/predict", json={"rows": []})
    assert answer.status_code == 503
    assert "make deploy" in answer.get_json()["detail"]


def test_a_new_deployment_answers_the_next_request(live: Live, deployed: Layout, bundle_folder: Path) -> None:
    assert live.app.test_client().get("/readyz").get_json()["model_version"] == "1"
    put_in_charge(deployed, bundle_folder, "2")
    live.look()
    assert live.app.test_client().get("/readyz").get_json()["model_version"] == "2"


def test_a_broken_deployment_is_refused_and_the_old_one_goes_on(live: Live, deployed: Layout) -> None:
    current = deployment.required(deployed)
    broken = Model(version="2", bundle="bundles/gone")
    deployment.write(current.model_copy(update={"champion": broken}), deployed)
    live.look()
    assert live.app.test_client().get("/readyz").get_json()["model_version"] == "1"
