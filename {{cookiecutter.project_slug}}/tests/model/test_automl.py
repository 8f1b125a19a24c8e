from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.package_name }}.config import Config, Screening
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.models import automl
from {{ cookiecutter.package_name }}.models.budget import Budget, BudgetSpentError
from {{ cookiecutter.package_name }}.pipeline import export

from ..conftest import search


def searched(smoke: Config, penguins: dict[str, pd.DataFrame], **settings: object) -> automl.Search:
    return search(smoke.model_copy(update={"automl": smoke.automl.model_copy(update=settings)}), penguins)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"setup": {"normalise": True}},
            r"automl.setup: PyCaret's setup has no argument normalise .* mean normalize\?",
        ),
        ({"setup": {"fold": 9}}, "automl.setup must not set fold: other keys of conf/ decide that"),
        ({"improve": ("blend",), "blend": {"fold": 2, "methods": "soft"}}, r"blend_models has no argument methods"),
        ({"improve": ("tune",), "tune": {"niter": 3}}, r"tune_model has no argument niter .* mean n_iter\?"),
        ({"compare": {"rounding": 3}}, r"create_model has no argument rounding .* mean round\?"),
        ({"models": {"regression": ("lr",)}}, "automl.models names none for classification"),
        ({"metric": "auc"}, "PyCaret has no metric 'auc' for classification. It has Accuracy, AUC"),
    ],
)
def test_a_wrong_argument_is_named_with_the_right_one(
    settings: dict[str, object], message: str, smoke: Config, penguins: dict[str, pd.DataFrame]
) -> None:
    with pytest.raises(ProjectError, match=message):
        searched(smoke, penguins, **settings)


def test_the_best_of_few_rows_are_compared_on_all(smoke: Config, penguins: dict[str, pd.DataFrame]) -> None:
    screening = Screening(rows=100, factor=2, keep=1)
    found = searched(smoke, penguins, models=("nb", "dt", "lr"), screening=screening)
    assert found.leaderboard["rows"].tolist() == [len(penguins["train"]), len(penguins["train"]), 100]
    assert found.leaderboard["id"].iloc[-1] == "nb"


def test_every_model_of_several_classes_is_judged(smoke: Config, penguins: dict[str, pd.DataFrame]) -> None:
    """By its probabilities, also where it has a decision function, which PyCaret would ask first."""
    task = smoke.task.model_copy(update={"target": "species", "positive": None})
    models = smoke.automl.model_copy(update={"models": ("lr", "dt", "lightgbm")})
    found = search(smoke.model_copy(update={"task": task, "automl": models}), penguins)
    assert found.leaderboard["AUC"].between(0.9, 1).all()


def test_rounds_grow_until_few_models_are_left() -> None:
    screening = Screening(rows=6000, factor=3, keep=2)
    assert automl.rungs(160_000, 9, screening) == [6000, 18_000, 160_000]
    assert automl.rungs(10_000, 9, screening) == [10_000]
    assert automl.rungs(160_000, 2, screening) == [160_000]
    assert automl.rungs(160_000, 9, None) == [160_000]
    assert [automl.survivors(models, screening) for models in (9, 3, 2)] == [3, 2, 2]


def test_what_takes_longer_than_the_budget_is_stopped() -> None:
    with pytest.raises(BudgetSpentError), Budget(0.005).enforced():
        time.sleep(60)


def test_a_search_keeps_its_budget(smoke: Config, penguins: dict[str, pd.DataFrame], found: automl.Search) -> None:
    """On so many rows they would take a minute, and `found` has imported PyCaret."""
    many = {part: pd.concat([rows] * 400, ignore_index=True) for part, rows in penguins.items()}
    models = ("lr", "mlp", "gbc", "ada", "et", "rf")
    best = searched(smoke, many, models=models, sample_rows=None, budget_minutes=0.4)
    assert best.leaderboard["seconds"].sum() < 0.4 * 60
    assert best.leaderboard["rows"].max() < len(many["train"])  # not all of them, in so short a time


def test_a_search_repeated_gives_the_same_leaderboard(smoke: Config, penguins: dict[str, pd.DataFrame]) -> None:
    settings = {"models": ("lr", "rf", "lightgbm"), "improve": ("tune",), "tune": {"n_iter": 3}}
    first, second = (searched(smoke, penguins, **settings) for _ in range(2))
    pd.testing.assert_frame_equal(*(one.leaderboard.drop(columns="seconds") for one in (first, second)))
    test = penguins["test"].drop(columns="sex")
    assert (first.model.outputs(test) == second.model.outputs(test)).all()


@pytest.mark.parametrize("name", ["lightgbm", "nb", "mlp"])
def test_a_model_goes_on_learning(name: str, smoke: Config, penguins: dict[str, pd.DataFrame]) -> None:
    model = searched(smoke, penguins, models=(name,)).model
    rows, test = penguins["validation"], penguins["test"].drop(columns="sex")
    before = model.outputs(test)
    more = automl.continued(model, rows)
    assert not np.allclose(more.outputs(test), before)
    assert (model.outputs(test) == before).all()
    learnt = pd.concat([penguins["train"], rows]).drop(columns="sex")
    assert export.portable(smoke, more, learnt, test).parity["largest_difference"] < 1e-5


def test_a_model_that_cannot_go_on_learning_says_so(penguins: dict[str, pd.DataFrame], found: automl.Search) -> None:
    with pytest.raises(ProjectError, match="DecisionTreeClassifier cannot go on learning"):
        automl.continued(found.model, penguins["validation"])


def test_a_budget_too_small_for_any_model_says_so(
    smoke: Config, penguins: dict[str, pd.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ProjectError, match="None of the models dt could be fitted"):
        searched(smoke, penguins, budget_minutes=1e-6)
    assert "the budget of 1e-06 min is spent, left out: dt" in capsys.readouterr().out
