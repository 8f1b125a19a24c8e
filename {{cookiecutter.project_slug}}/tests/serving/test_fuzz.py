"""Whatever is sent, the API answers or says what is wrong; it never fails."""

from __future__ import annotations

import json
from typing import Any

from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.layout import PACKAGE

ADDRESSES = ("/v1/predict", "/v1/predict?strict=false", "/v1/explain", "/v1/feedback", "/invocations")
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["Adelie", "1e400"])
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)
KEYS = st.sampled_from(["rows", "user", "reasons", "feedback", "inputs", "instances", "dataframe_split", "columns"])
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(address=st.sampled_from(ADDRESSES), body=st.dictionaries(KEYS, JSON, max_size=3) | JSON)
def test_any_json_is_answered_or_refused(client: FlaskClient, address: str, body: Any) -> None:
    answer = client.post(address, data=json.dumps(body), content_type="application/json")
    assert answer.status_code < 500


@FUZZ
@given(address=st.sampled_from(ADDRESSES), body=st.binary(max_size=300), csv=st.booleans())
def test_any_bytes_are_answered_or_refused(client: FlaskClient, address: str, body: bytes, csv: bool) -> None:
    answer = client.post(address, data=body, content_type="text/csv" if csv else "application/json")
    assert answer.status_code < 500


@FUZZ
@given(changes=st.dictionaries(st.sampled_from(["year", "species", "bill_length_mm"]), JSON, min_size=1))
def test_any_value_in_a_row_is_answered_or_named(
    client: FlaskClient, example: dict[str, Any], changes: dict[str, Any]
) -> None:
    answer = client.post(
        "/v1/predict", data=json.dumps({"rows": [{**example, **changes}]}), content_type="application/json"
    )
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        assert {error["field"].split(".")[2] for error in answer.get_json()["errors"]} <= set(changes)


@FUZZ
@given(
    inputs=st.lists(
        st.fixed_dictionaries({"name": st.text(), "shape": st.lists(st.integers()), "data": st.lists(LEAVES)})
    )
)
def test_any_tensors_are_answered_or_refused(client: FlaskClient, inputs: list[dict[str, Any]]) -> None:
    body = {"inputs": [{"datatype": "FP64", **one} for one in inputs]}
    assert client.post(f"/v2/models/{PACKAGE}/infer", data=json.dumps(body)).status_code < 500


def test_json_that_is_nested_too_deep_is_refused(client: FlaskClient) -> None:
    body = b'{"rows": ' + b"[" * 100_000
    assert client.post("/v1/predict", data=body, content_type="application/json").status_code == 400


def test_a_compressed_body_is_refused_unread(client: FlaskClient) -> None:
    headers = {"Content-Encoding": "gzip"}
    answer = client.post("/v1/predict", data=b"\x1f\x8b", content_type="application/json", headers=headers)
    assert answer.status_code == 415
