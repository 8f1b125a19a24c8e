"""Learning from each row once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.package_name }}.models.stream import StreamLearner, as_dicts

from ..conftest import CLASSIFY, REGRESS


def test_a_stream_of_penguins_tells_males_from_females(penguins: dict[str, pd.DataFrame]) -> None:
    train, test = (penguins[part].drop(columns="sex") for part in ("train", "test"))
    classes = ("female", "male")
    learner = StreamLearner(CLASSIFY.stream_estimator(classes), 2)
    learner.learn(train, CLASSIFY.encoded(penguins["train"]["sex"], classes))
    outputs = learner.outputs(test)
    assert outputs.sum(axis=1) == pytest.approx(1)
    assert CLASSIFY.metrics(penguins["test"]["sex"].to_numpy(), outputs, classes)["auc"] > 0.8


def test_more_classes_and_numbers_are_learnt_too() -> None:
    random = np.random.default_rng(7)
    rows = pd.DataFrame(
        {"mass": random.normal(size=2000), "island": random.choice(["Biscoe", "Dream", "Torgersen"], 2000)}
    )
    island = rows["island"].map({"Biscoe": 0, "Dream": 1, "Torgersen": 2})
    three = StreamLearner(CLASSIFY.stream_estimator(("a", "b", "c")), 3)
    three.learn(rows, island)
    assert (three.outputs(rows[:50]).argmax(axis=1) == island[:50]).all()
    number = StreamLearner(REGRESS.stream_estimator(()), 0)
    number.learn(rows, 3000 + 500 * rows["mass"])
    assert number.outputs(rows[-50:])[:, 0] == pytest.approx(3000 + 500 * rows["mass"][-50:], abs=100)


def test_what_is_missing_is_left_out() -> None:
    rows = pd.DataFrame({"mass": [1, 2], "island": ["Dream", None], "flipper": [np.nan, 4.0]})
    assert list(as_dicts(rows)) == [{"mass": 1.0, "island": "Dream"}, {"mass": 2.0, "flipper": 4.0}]
