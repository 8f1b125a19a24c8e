from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.package_name }}.monitoring import detectors

RANDOM = np.random.default_rng(1)
NUMBERS, SAME, MOVED = (pd.Series(RANDOM.normal(mean, size=2000)) for mean in (0, 0, 0.5))
WORDS, ALIKE, OTHERS = (
    pd.Series(RANDOM.choice(["a", "b", "c"], 2000, p=shares)) for shares in ([0.6, 0.3, 0.1],) * 2 + ([0.3, 0.3, 0.4],)
)


@pytest.mark.parametrize("name", [*detectors.NUMBERS, "psi", "jensen_shannon"])
def test_a_detector_of_numbers_tells_moved_rows_from_equal_ones(name: str) -> None:
    detect = {**detectors.NUMBERS, **detectors.ANY}[name]
    same, moved = detect(NUMBERS, SAME), detect(NUMBERS, MOVED)
    assert moved.statistic > 3 * same.statistic
    if moved.p_value is not None and same.p_value is not None:
        assert moved.p_value < 1e-6 < 0.01 < same.p_value


@pytest.mark.parametrize("name", detectors.ANY)
def test_a_detector_of_categories_tells_other_shares_from_equal_ones(name: str) -> None:
    same, other = detectors.ANY[name](WORDS, ALIKE), detectors.ANY[name](WORDS, OTHERS)
    assert other.statistic > 3 * same.statistic


def test_the_index_of_two_categories_is_what_the_formula_says() -> None:
    reference = pd.Series(["a"] * 50 + ["b"] * 50)
    current = pd.Series(["a"] * 80 + ["b"] * 20)
    by_hand = (0.8 - 0.5) * np.log(0.8 / 0.5) + (0.2 - 0.5) * np.log(0.2 / 0.5)
    assert detectors.population_stability_index(reference, current).statistic == pytest.approx(by_hand)
    assert detectors.population_stability_index(reference, reference).statistic == 0


def test_missing_values_are_a_bin_of_their_own() -> None:
    reference = pd.Series([1.0, 2.0, 3.0, 4.0] * 100)
    half_missing = reference.where(np.arange(400) % 2 == 0)
    assert detectors.population_stability_index(reference, half_missing).statistic > 0.25


@pytest.mark.parametrize("name", detectors.TOGETHER)
def test_what_no_column_shows_alone_is_seen_by_all_together(name: str) -> None:
    both = pd.DataFrame({"x": NUMBERS, "y": NUMBERS + 0.1 * SAME})
    apart = pd.DataFrame({"x": NUMBERS, "y": RANDOM.permutation(both["y"])})
    assert (detectors.TOGETHER[name](both, both, 1).p_value or 0) > 0.05
    assert (detectors.TOGETHER[name](both, apart, 1).p_value or 1) < 0.01


@pytest.mark.parametrize("name", detectors.STREAMS)
def test_a_stream_whose_mean_changes_is_noticed_soon_after(name: str) -> None:
    stream = [*RANDOM.normal(0, 1, 1500), *RANDOM.normal(1.5, 1, 800)]
    assert detectors.STREAMS[name](stream[:1500]) == []
    assert 1500 < detectors.STREAMS[name](stream)[0] < 1900


def test_of_many_equal_columns_few_are_called_different() -> None:
    found = [detectors.kolmogorov_smirnov(NUMBERS, pd.Series(RANDOM.normal(size=500))).p_value or 0 for _ in range(100)]
    assert sum(p < 0.05 for p in found) > sum(p < 0.05 for p in detectors.adjusted(found)) == 0
