"""Why a model answers as it does, and for whom it answers otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.pipeline import fairness, shapley

from ..conftest import CLASSIFY, REGRESS

ROWS = pd.DataFrame({"mass": np.linspace(3000, 6000, 90), "island": ["Biscoe", "Dream", None] * 30, "year": 2008})


def test_shapley_values_of_a_sum_are_its_parts(tmp_path: Path) -> None:
    def score(rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(rows["mass"] / 1000 + (rows["island"] == "Dream") * 0.5)

    explained, found = shapley.values(ROWS, score, 7)
    chosen = ROWS.loc[explained.index]
    per_gram = np.polyfit(chosen["mass"], found["mass"], 1)[0]
    assert per_gram == pytest.approx(0.001)
    dream = chosen["island"] == "Dream"
    assert found["island"][dream].mean() - found["island"][~dream].mean() == pytest.approx(0.5)
    assert found["year"].abs().max() == pytest.approx(0)
    shapley.draw(explained, found, tmp_path / "shap.png")
    assert (tmp_path / "shap.png").stat().st_size > 5000


def test_groups_that_are_answered_otherwise_are_told() -> None:
    columns = pd.DataFrame({"island": ["Biscoe"] * 40 + ["Dream"] * 40 + ["Torgersen"] * 3})
    actual = np.array(["yes", "no"] * 41 + ["yes"])
    outputs = np.column_stack([1 - np.arange(83) % 2, np.arange(83) % 2]).astype(float)[:, ::-1]
    outputs[40:80] = [0.9, 0.1]
    found = fairness.differences(columns, CLASSIFY, actual, outputs, ("no", "yes"), 20)
    assert found[0].groups == {"Biscoe": 1.0, "Dream": 0.0}  # Torgersen has too few rows
    assert {one.metric: one.difference for one in found} == {
        "true positive rate": 1,
        "share answered yes": 0.5,
        "accuracy": 0.5,
        "false positive rate": 0,
    }
    numbers = fairness.differences(columns, REGRESS, np.zeros(83), np.arange(83.0).reshape(-1, 1), (), 20)
    assert {one.metric: one.difference for one in numbers} == {"mean answer": 40, "mae": 40, "bias": 40}
    with pytest.raises(ProjectError, match="island has no two groups of 50 rows"):
        fairness.differences(columns, CLASSIFY, actual, outputs, ("no", "yes"), 50)
