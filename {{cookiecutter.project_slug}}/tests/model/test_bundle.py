from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.models import automl, bundle
from {{ cookiecutter.package_name }}.pipeline import export


@pytest.mark.parametrize("model", ["lr", "lda", "rf", "lightgbm"])
def test_the_portable_model_answers_as_the_trained_one_does(
    model: str, smoke: Config, flights: dict[str, pd.DataFrame]
) -> None:
    one = smoke.automl.model_copy(update={"models": (model,)})
    found = automl.search(one, smoke.task, flights["train"], flights["validation"], smoke.seed)
    test = flights["test"].drop(columns="late")
    _, _, parity = export.portable(smoke, found.model, trained_on(flights), test)
    assert parity["rows"] > len(test)
    assert parity["largest_difference"] < 1e-5
    assert parity["labels_differ"] == 0


def test_the_gate_notices_a_model_that_answers_otherwise(
    smoke: Config, flights: dict[str, pd.DataFrame], found: automl.Search
) -> None:
    test = flights["test"].drop(columns="late")
    converted, schema, _ = export.portable(smoke, found.model, trained_on(flights), test)
    expected = found.model.predict_proba(test)
    assert export.compare(converted, schema, test, expected)["same"]
    assert not export.compare(converted, schema, test, expected + np.array([0.001, -0.001]))["same"]
    assert export.compare(converted, schema, test, expected[:, ::-1])["labels_differ"] > 0


def test_a_model_without_probabilities_is_left_out(
    smoke: Config, flights: dict[str, pd.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    ridge = smoke.automl.model_copy(update={"models": ("ridge",)})
    with pytest.raises(ProjectError, match="None of the models ridge could be fitted"):
        automl.search(ridge, smoke.task, flights["train"], flights["validation"], smoke.seed)
    assert "Ridge Classifier gives no probabilities and is left out" in capsys.readouterr().out


def test_a_search_repeated_gives_the_same_model(
    smoke: Config, flights: dict[str, pd.DataFrame], found: automl.Search
) -> None:
    again = automl.search(smoke.automl, smoke.task, flights["train"], flights["validation"], smoke.seed)
    test = flights["test"].drop(columns="late")
    np.testing.assert_array_equal(again.model.predict_proba(test), found.model.predict_proba(test))


def test_a_model_that_pycaret_does_not_know_is_named(smoke: Config, flights: dict[str, pd.DataFrame]) -> None:
    wrong = smoke.automl.model_copy(update={"models": ("lgbm",)})
    with pytest.raises(ProjectError, match=r"PyCaret has no model lgbm\. It has lr, knn"):
        automl.search(wrong, smoke.task, flights["train"], flights["validation"], smoke.seed)


def test_a_bundle_knows_what_it_takes(bundle_folder: Path) -> None:
    loaded = bundle.load(bundle_folder)
    assert set(loaded.schema.classes) == {"late", "on_time"}
    assert {column.name: column.type for column in loaded.schema.columns}["carrier"] == "category"
    assert loaded.unseen({**loaded.schema.example, "carrier": "??"}) == ["carrier"]


@pytest.mark.parametrize("name", [bundle.MODEL, bundle.SCHEMA])
def test_a_changed_or_missing_file_of_a_bundle_is_refused(bundle_folder: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(bundle_folder, tmp_path / "copy")
    (copy / name).write_bytes((copy / name).read_bytes()[:-1])
    with pytest.raises(ProjectError, match=f"{name} differs from its checksum"):
        bundle.load(copy)
    (copy / name).unlink()
    with pytest.raises(ProjectError, match=f"{name} is missing"):
        bundle.load(copy)


def trained_on(flights: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The features that a search has fitted its model on."""
    return pd.concat([flights["train"], flights["validation"]]).drop(columns="late")
