from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.models import automl, bundle, native
from {{ cookiecutter.package_name }}.pipeline import export

from ..conftest import search


@pytest.mark.parametrize("model", ["lr", "lda", "rf", "lightgbm"])
def test_the_portable_model_answers_as_the_trained_one_does(
    model: str, smoke: Config, penguins: dict[str, pd.DataFrame]
) -> None:
    """Also on the rows with gaps, a boolean among them, that the export makes of the hold-out."""
    parts = {name: rows.assign(heavy=rows["body_mass_g"] > 4000) for name, rows in penguins.items()}
    one = smoke.automl.model_copy(update={"models": (model,)})
    found = search(smoke.model_copy(update={"automl": one}), parts)
    test = parts["test"].drop(columns="sex")
    made = export.portable(smoke, found.model, trained_on(parts), test)
    assert {column["name"]: column["type"] for column in made.schema["columns"]}["heavy"] == "boolean"
    parity = made.parity
    assert parity["rows"] > len(test)
    assert parity["largest_difference"] < 1e-5
    assert parity["labels_differ"] == 0


def test_a_table_of_whole_numbers_has_a_portable_model(smoke: Config, penguins: dict[str, pd.DataFrame]) -> None:
    """Trees cut between 3 and 5 where they have seen no 4, so that the last bit of a scaled 4 decides."""
    coarse = {"bill_length_mm": 2, "bill_depth_mm": 1, "flipper_length_mm": 5, "body_mass_g": 250}
    parts = {
        name: pd.DataFrame({"sex": rows["sex"], **{one: rows[one] // step for one, step in coarse.items()}})
        .dropna()
        .astype(dict.fromkeys(coarse, int))
        for name, rows in penguins.items()
    }
    one = smoke.automl.model_copy(update={"models": ("rf",)})
    found = search(smoke.model_copy(update={"automl": one}), parts)
    parity = export.portable(smoke, found.model, trained_on(parts), parts["test"].drop(columns="sex")).parity
    assert parity["largest_difference"] < 1e-5


def test_the_gate_notices_a_model_that_answers_otherwise(
    smoke: Config, penguins: dict[str, pd.DataFrame], found: automl.Search
) -> None:
    test = penguins["test"].drop(columns="sex")
    made = export.portable(smoke, found.model, trained_on(penguins), test)
    expected = found.model.outputs(test)
    moved = expected + np.array([0.001, -0.001])
    assert export.compare(found.model.kind, made.model, None, made.schema, test, expected)["same"]
    assert not export.compare(found.model.kind, made.model, None, made.schema, test, moved)["same"]
    assert export.compare(found.model.kind, made.model, None, made.schema, test, expected[:, ::-1])["labels_differ"] > 0


def test_what_has_no_onnx_form_is_kept_by_skops(
    smoke: Config, penguins: dict[str, pd.DataFrame], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = smoke.automl.model_copy(update={"models": ("qda",)})
    model = search(smoke.model_copy(update={"automl": one}), penguins).model
    parity = export.write(smoke, model, penguins, {"run_id": "none", "metrics": {}}, tmp_path / "bundle")
    assert parity["form"] == "ONNX and skops"
    assert "no ONNX form, so that serving needs the group native" in capsys.readouterr().out
    test = penguins["test"].drop(columns="sex")
    answers = bundle.load(tmp_path / "bundle").outputs(export.as_columns(test))
    np.testing.assert_allclose(answers, model.outputs(test), atol=1e-9)


def test_an_estimator_is_made_of_trusted_types_only() -> None:
    import skops.io

    class Foreign(DummyClassifier):  # type: ignore[misc]
        pass

    fitted = Foreign().fit([[0], [1]], [0, 1])
    with pytest.raises(ProjectError, match=r"Foreign is made of .*Foreign, which models/native.py has not"):
        native.dump(fitted)
    with pytest.raises(ProjectError, match="is not accepted: Untrusted types found"):
        native.load(skops.io.dumps(fitted))


def test_a_model_without_probabilities_is_left_out(
    smoke: Config, penguins: dict[str, pd.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    ridge = smoke.automl.model_copy(update={"models": ("ridge",)})
    with pytest.raises(ProjectError, match="None of the models ridge could be fitted"):
        search(smoke.model_copy(update={"automl": ridge}), penguins)
    assert "Ridge Classifier is left out: it gives no probabilities" in capsys.readouterr().out


def test_a_search_repeated_gives_the_same_model(
    smoke: Config, penguins: dict[str, pd.DataFrame], found: automl.Search
) -> None:
    again = search(smoke, penguins)
    test = penguins["test"].drop(columns="sex")
    np.testing.assert_array_equal(again.model.outputs(test), found.model.outputs(test))


def test_a_model_that_pycaret_does_not_know_is_named(smoke: Config, penguins: dict[str, pd.DataFrame]) -> None:
    wrong = smoke.automl.model_copy(update={"models": ("lgbm",)})
    with pytest.raises(ProjectError, match=r"PyCaret has no model lgbm\. It has lr, knn"):
        search(smoke.model_copy(update={"automl": wrong}), penguins)


def test_a_bundle_knows_what_it_takes(bundle_folder: Path) -> None:
    loaded = bundle.load(bundle_folder)
    assert set(loaded.schema.classes) == {"male", "female"}
    assert {column.name: column.type for column in loaded.schema.columns}["species"] == "category"
    assert loaded.unseen(bundle.columns_of([{**loaded.schema.example, "species": "??"}])) == [(0, "species")]


@pytest.mark.parametrize("name", [bundle.MODEL, bundle.SCHEMA])
def test_a_changed_or_missing_file_of_a_bundle_is_refused(bundle_folder: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(bundle_folder, tmp_path / "copy")
    (copy / name).write_bytes((copy / name).read_bytes()[:-1])
    with pytest.raises(ProjectError, match=f"{name} differs from its checksum"):
        bundle.load(copy)
    (copy / name).unlink()
    with pytest.raises(ProjectError, match=f"{name} is missing"):
        bundle.load(copy)


def trained_on(penguins: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The features that a search has fitted its model on."""
    return pd.concat([penguins["train"], penguins["validation"]]).drop(columns="sex")
