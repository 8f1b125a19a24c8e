from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.package_name }}.config import Behaviour
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.pipeline import behaviour

ROWS = pd.DataFrame({"age": np.arange(10.0), "colour": ["red", "blue"] * 5})


def price(rows: pd.DataFrame) -> np.ndarray:
    """Ten for each year; missing ages count as five years, and blue costs one more."""
    return 10 * rows["age"].fillna(5).to_numpy() + (rows["colour"] == "blue").to_numpy()


@pytest.mark.parametrize(
    ("expected", "share"),
    [
        ({"add": {"age": 1}, "expect": "not_lower"}, 1.0),
        ({"add": {"age": 1}, "expect": "not_higher"}, 0.0),
        ({"add": {"age": 1}, "expect": "not_higher", "tolerance": 10}, 1.0),
        ({"set": {"colour": "red"}, "expect": "same"}, 0.5),
        ({"set": {"colour": "red"}, "expect": "same", "tolerance": 1}, 1.0),
        ({"set": {"age": None}, "expect": "at_least", "score": 51}, 0.5),
        ({"set": {"age": 0}, "expect": "at_most", "score": 1}, 1.0),
    ],
)
def test_the_share_of_rows_that_do_as_expected_is_counted(expected: dict[str, object], share: float) -> None:
    (found,) = behaviour.check(ROWS, price, [Behaviour.model_validate({"name": "it", **expected})])
    assert (found.share, found.rows, found.passes) == (share, 10, share >= 0.95)


def test_a_column_that_is_no_feature_is_named() -> None:
    wrong = Behaviour(name="taller is dearer", add={"height": 1}, expect="not_lower")
    with pytest.raises(ProjectError, match="'taller is dearer' changes height, which no feature is"):
        behaviour.check(ROWS, price, [wrong])
