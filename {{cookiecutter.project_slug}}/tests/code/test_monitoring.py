from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.monitoring import drift
from {{ cookiecutter.package_name }}.monitoring.store import Prediction, PredictionLog


def test_the_index_is_zero_for_the_same_rows_and_large_for_shifted_ones() -> None:
    reference = pd.Series(np.random.default_rng(1).normal(size=5000))
    assert drift.population_stability_index(reference, reference) == 0
    assert drift.population_stability_index(reference, reference + 1) > 0.25


def test_the_index_of_two_categories_is_what_the_formula_says() -> None:
    reference = pd.Series(["a"] * 50 + ["b"] * 50)
    current = pd.Series(["a"] * 80 + ["b"] * 20)
    by_hand = (0.8 - 0.5) * np.log(0.8 / 0.5) + (0.2 - 0.5) * np.log(0.2 / 0.5)
    assert drift.population_stability_index(reference, current) == pytest.approx(by_hand)


def test_missing_values_are_a_bin_of_their_own() -> None:
    reference = pd.Series([1.0, 2.0, 3.0, 4.0] * 100)
    half_missing = reference.where(np.arange(400) % 2 == 0)
    assert drift.population_stability_index(reference, half_missing) > 0.25


def test_too_few_predictions_give_no_verdict(smoke: Config) -> None:
    rows = pd.DataFrame({"x": np.arange(10.0)})
    report = drift.compare("1", rows, rows, smoke.monitoring)
    assert report.drifted_share is None
    assert "too few" in report.sentence


def test_the_log_gives_back_what_was_logged_by_version_newest_last(project: Layout) -> None:
    log = PredictionLog("sqlite:///data/log.sqlite", project)
    made = [Prediction(f"id{i}", version, {"x": i}, {"label": "yes"}, 0.5) for i, version in enumerate(["1", "2", "2"])]
    log.append(made)
    again = PredictionLog("sqlite:///data/log.sqlite", project)
    assert again.newest("2", 10) == made[1:]
    assert again.newest("2", 1) == made[2:]
    assert again.count("1") == 1
