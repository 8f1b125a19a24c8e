"""The heaviest penguins weigh twice as much as the lightest: how much does this one?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.package_name }} import config
from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.models import automl
from {{ cookiecutter.package_name }}.pipeline import evaluate, export, leakage, split
from {{ cookiecutter.package_name }}.serving.live import Live

from ..conftest import REGRESS, new_project, search
from ..serving.conftest import put_in_charge


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory, prepared: Layout) -> Layout:
    """The penguins once more, split to predict their mass."""
    layout = new_project(tmp_path_factory.mktemp("numbers"), "task=body_mass", "split=random")
    shutil.copytree(prepared.exploitation, layout.exploitation)
    for stage in (split, leakage):
        stage.run(config.load(layout), layout)
    return layout


@pytest.fixture(scope="module")
def weigh(numbers: Layout) -> Config:
    return config.load(numbers)


@pytest.fixture(scope="module")
def parts(numbers: Layout, weigh: Config) -> dict[str, pd.DataFrame]:
    return {part: split.read(weigh, numbers, part) for part in split.PARTS}


def searched(
    weigh: Config, parts: dict[str, pd.DataFrame], *models: str, improve: tuple[str, ...] = ()
) -> automl.Model:
    settings = weigh.automl.model_copy(update={"models": models, "improve": improve})
    return search(weigh.model_copy(update={"automl": settings}), parts).model


@pytest.mark.parametrize(
    ("models", "improve"),
    [
        (["lr"], ()),
        (["rf"], ()),
        (["gbr"], ()),
        (["lightgbm"], ()),
        (["lr", "rf", "lightgbm"], ("blend",)),
        (["lr", "rf"], ("stack",)),
    ],
)
def test_the_portable_model_gives_the_same_numbers(
    models: list[str], improve: tuple[str, ...], weigh: Config, parts: dict[str, pd.DataFrame]
) -> None:
    model = searched(weigh, parts, *models, improve=improve)
    rows = {part: frame.drop(columns="body_mass_g") for part, frame in parts.items()}
    made = export.portable(weigh, model, pd.concat([rows["train"], rows["validation"]]), rows["test"])
    assert made.schema["kind"] == "regression"
    assert made.parity["largest_difference"] < 1e-5


def test_a_model_of_the_mass_is_judged_drawn_and_answers(
    numbers: Layout, weigh: Config, parts: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    model = searched(weigh, parts, "lr")
    kind = REGRESS
    rows, actual = parts["test"].drop(columns="body_mass_g"), parts["test"]["body_mass_g"].to_numpy()
    naive = kind.naive(parts["train"]["body_mass_g"], (), len(rows))
    report = evaluate.judged(kind, actual, model.outputs(rows), naive, (), 7)
    assert report["r2"]["low"] < report["r2"]["value"] < report["r2"]["high"]
    assert report["mae"]["value"] < report["mae"]["naive"] / 2
    kind.plot(actual, model.outputs(rows), (), rows, tmp_path)
    assert (tmp_path / "evaluation.png").stat().st_size > 5000
    assert list(pd.read_csv(tmp_path / "residuals.csv")) == ["actual", "predicted", "residual"]

    export.write(weigh, model, parts, {"run_id": "none", "metrics": {}}, tmp_path / "bundle")
    put_in_charge(numbers, tmp_path / "bundle", "1")
    client = Live(weigh, numbers).app.test_client()
    (example,) = export.as_rows(rows.head(1))
    (answer,) = client.post("/v1/predict", json={"rows": [example]}).get_json()["predictions"]
    assert answer["value"] == pytest.approx(model.outputs(rows.head(1))[0, 0])
    assert set(answer) == {"prediction_id", "value", "warnings"}
    told = client.get("/docs/openapi.json").get_json()["components"]["schemas"]["Prediction"]
    assert set(told["properties"]) - {"reasons"} == set(answer)


def test_the_leakage_report_asks_what_a_feature_knows_of_a_number(numbers: Layout) -> None:
    report = json.loads((numbers.results / "leakage" / "leakage.json").read_text(encoding="utf-8"))
    assert report["scores"]["flipper_length_mm"] > 0.7
    assert 0 <= report["scores"]["year"] < 0.1


def test_what_differs_is_measured_in_spreads_of_the_target() -> None:
    expected = np.array([[0.0], [2.0]])
    differences, decided = REGRESS.differences(expected, expected + 0.5, ())
    assert differences.tolist() == [0.5, 0.5]
    assert decided == 0
