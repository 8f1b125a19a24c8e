from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.pipeline import slices

from ..conftest import CLASSIFY, REGRESS

ROWS = pd.DataFrame(
    {
        "place": ["north", "south"] * 500,
        "size": np.linspace(0, 1, 1000),
        "night": np.arange(1000) % 3 == 0,
        "gaps": [None if number % 5 == 0 else 1.0 for number in range(1000)],
    }
)


def test_the_slice_in_which_a_model_is_wrong_is_found_and_no_other(smoke: Config) -> None:
    random = np.random.default_rng(7)
    losses = random.exponential(1, 1000) + np.where(ROWS["size"] > 0.75, 1.0, 0.0)
    found = slices.find(ROWS, losses, smoke.evaluation)
    assert [(one.column, one.value) for one in found if one.worse] == [("size", "0.75 to 1")]
    assert found[0].rows == 250
    assert found[0].effect > 0.5
    assert {one.value for one in found if one.column == "gaps"} == {"1.0", "missing"}
    assert {one.column for one in found} == set(ROWS)


def test_slices_can_be_chosen_and_must_be_features(smoke: Config) -> None:
    chosen = smoke.evaluation.model_copy(update={"slices": ("place",)})
    assert {one.column for one in slices.find(ROWS, np.ones(1000), chosen)} == {"place"}
    with pytest.raises(ProjectError, match=r"evaluation\.slices names colour, which no feature is"):
        slices.find(ROWS, np.ones(1000), smoke.evaluation.model_copy(update={"slices": ("colour",)}))


def test_the_loss_of_a_row_is_that_of_its_answer() -> None:
    outputs = np.array([[0.9, 0.1], [0.2, 0.8]])
    losses = CLASSIFY.losses(np.array(["no", "no"]), outputs, ("no", "yes"))
    assert losses == pytest.approx([-np.log(0.9), -np.log(0.2)])
    assert REGRESS.losses(np.array([3.0]), np.array([[5.0]]), ()).tolist() == [2.0]
