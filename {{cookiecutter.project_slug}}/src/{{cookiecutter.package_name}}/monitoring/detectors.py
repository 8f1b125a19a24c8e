"""Two samples in, whether they differ out: the detectors of the textbooks under their names. And those of a stream.

A sample is a column of values, numbers or categories; a missing value is one more category and, for a test of numbers,
left out, since `quality` watches the share of missing ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

BINS = 10
FEWEST = 5
"""Rows to be expected in a cell, below which the chi-squared test joins it with others (Cochran 1954)."""

MMD_ROWS, PERMUTATIONS = 400, 200


@dataclass(frozen=True)
class Detection:
    """`statistic` as the detector defines it; `p_value` of the hypothesis that both samples are of one distribution,
    None for a distance, which has none.
    """

    detector: str
    statistic: float
    p_value: float | None


def kolmogorov_smirnov(reference: pd.Series, current: pd.Series) -> Detection:
    """The largest distance between two empirical distribution functions, 0 to 1 (Smirnov 1939)."""
    found = stats.ks_2samp(reference.dropna(), current.dropna(), method="asymp")
    return Detection("kolmogorov_smirnov", float(found.statistic), float(found.pvalue))


def cramer_von_mises(reference: pd.Series, current: pd.Series) -> Detection:
    """The squared distance between two empirical distribution functions, summed over all values (Anderson 1962)."""
    found = stats.cramervonmises_2samp(reference.dropna(), current.dropna(), method="asymptotic")
    return Detection("cramer_von_mises", float(found.statistic), float(found.pvalue))


def chi_squared(reference: pd.Series, current: pd.Series) -> Detection:
    """Pearson's test of homogeneity; categories too rare to be expected FEWEST times on either side are one."""
    expected, actual = counted(reference, current, bins=None)
    smaller = min(expected.sum(), actual.sum()) / (expected.sum() + actual.sum())
    rare = (expected + actual) * smaller < FEWEST
    table = np.array([[*side[~rare], side[rare].sum()] for side in (expected, actual)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return Detection("chi_squared", 0.0, 1.0)
    found = stats.chi2_contingency(table, correction=False)
    return Detection("chi_squared", float(found.statistic), float(found.pvalue))


def population_stability_index(reference: pd.Series, current: pd.Series) -> Detection:
    """Over ten quantile bins of a numeric `reference`, or its categories; missing values are a bin of their own.

    0 = same, 0.1 to 0.25 = moved, above 0.25 = shifted (Siddiqi 2006). An empty bin counts as half a row. Of one
    distribution, it is chi-squared times (1/rows + 1/rows), which gives the p-value (Yurdakul 2018).
    """
    expected, actual = counted(reference, current, bins=BINS)
    noise = 1 / expected.sum() + 1 / actual.sum()
    share, other = (side.clip(0.5) / side.sum() for side in (expected, actual))
    index = float(((other - share) * np.log(other / share)).sum())
    p_value = stats.chi2.sf(index / noise, len(share) - 1) if len(share) > 1 else 1.0
    return Detection("psi", index, float(p_value))


def jensen_shannon(reference: pd.Series, current: pd.Series) -> Detection:
    """The distance, 0 to 1, in base 2, over the bins of the stability index (Endres and Schindelin 2003)."""
    expected, actual = counted(reference, current, bins=BINS)
    middle = (expected / expected.sum() + actual / actual.sum()) / 2
    divergence = sum(stats.entropy(side / side.sum(), middle, base=2) for side in (expected, actual)) / 2
    return Detection("jensen_shannon", float(np.sqrt(max(divergence, 0.0))), None)


def wasserstein(reference: pd.Series, current: pd.Series) -> Detection:
    """How far the values have to be moved on average, in standard deviations of the reference (Vaserstein 1969)."""
    known = reference.dropna()
    distance = stats.wasserstein_distance(known, current.dropna())
    spread = float(known.std(ddof=0))
    return Detection("wasserstein", float(distance / spread) if spread else float(distance > 0), None)


NUMBERS: Mapping[str, Callable[[pd.Series, pd.Series], Detection]] = {
    "kolmogorov_smirnov": kolmogorov_smirnov,
    "cramer_von_mises": cramer_von_mises,
    "wasserstein": wasserstein,
}
"""Detectors of numbers only."""

ANY: Mapping[str, Callable[[pd.Series, pd.Series], Detection]] = {
    "chi_squared": chi_squared,
    "psi": population_stability_index,
    "jensen_shannon": jensen_shannon,
}
"""Detectors of categories; all but chi-squared bin numbers."""


def maximum_mean_discrepancy(reference: pd.DataFrame, current: pd.DataFrame, seed: int) -> Detection:
    """All columns together: the squared distance of the means in the space of a Gaussian kernel, its width the median
    distance, the p-value by permutation (Gretton and others 2012). On at most MMD_ROWS rows of each side.
    """
    random = np.random.default_rng(seed)
    sides = [matrix[random.permutation(len(matrix))[:MMD_ROWS]] for matrix in matrices(reference, current)]
    rows, first = np.concatenate(sides), len(sides[0])
    squared = ((rows[:, None, :] - rows[None, :, :]) ** 2).sum(axis=2)
    kernel = np.exp(-squared / np.median(squared[squared > 0])) if (squared > 0).any() else np.ones_like(squared)

    def distance(order: np.ndarray) -> float:
        one, other = order[:first], order[first:]
        within = kernel[np.ix_(one, one)].mean() + kernel[np.ix_(other, other)].mean()
        return float(within - 2 * kernel[np.ix_(one, other)].mean())

    found = distance(np.arange(len(rows)))
    as_large = sum(distance(random.permutation(len(rows))) >= found for _ in range(PERMUTATIONS))
    return Detection("maximum_mean_discrepancy", found, (as_large + 1) / (PERMUTATIONS + 1))


def classifier_two_sample(reference: pd.DataFrame, current: pd.DataFrame, seed: int) -> Detection:
    """All columns together: how often a model that has learnt from one half tells, in the other half, which side a row
    is from; 0.5 = cannot tell. The p-value is binomial (Lopez-Paz and Oquab 2017).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    random = np.random.default_rng(seed)
    size = min(len(reference), len(current))
    sides = [matrix[random.permutation(len(matrix))[:size]] for matrix in matrices(reference, current)]
    half = size // 2
    model = HistGradientBoostingClassifier(max_iter=50, max_depth=4, random_state=seed)
    model.fit(np.concatenate([side[:half] for side in sides]), np.repeat([0, 1], half))
    asked = np.concatenate([side[half:] for side in sides])
    right = int((model.predict(asked) == np.repeat([0, 1], size - half)).sum())
    p_value = stats.binomtest(right, len(asked), 0.5, alternative="greater").pvalue
    return Detection("classifier_two_sample", right / len(asked), float(p_value))


TOGETHER: Mapping[str, Callable[[pd.DataFrame, pd.DataFrame, int], Detection]] = {
    "maximum_mean_discrepancy": maximum_mean_discrepancy,
    "classifier_two_sample": classifier_two_sample,
}
"""Detectors that see what no column shows alone."""


def adwin(values: Sequence[float]) -> list[int]:
    """Places at which the mean of a stream was found to have changed (Bifet and Gavaldà 2007; River's)."""
    from river.drift import ADWIN

    return _changes(ADWIN(), values)


def page_hinkley(values: Sequence[float]) -> list[int]:
    """Places at which the mean of a stream was found to have changed (Page 1954; River's), its values standardised."""
    from river.drift import PageHinkley

    spread = np.std(values) or 1.0
    return _changes(PageHinkley(delta=0.05), [float(value) for value in np.asarray(values) / spread])


STREAMS: Mapping[str, Callable[[Sequence[float]], list[int]]] = {"adwin": adwin, "page_hinkley": page_hinkley}


def adjusted(p_values: Sequence[float]) -> list[float]:
    """For many tests at once, so that of those called different a known share is wrong (Benjamini, Hochberg 1995)."""
    return list(stats.false_discovery_control(np.asarray(p_values))) if len(p_values) else []


def counted(reference: pd.Series, current: pd.Series, bins: int | None) -> tuple[np.ndarray, np.ndarray]:
    """How often each category, or each quantile bin of numbers, is in the two samples; missing values are one more."""
    if bins and pd.api.types.is_numeric_dtype(reference):
        edges = np.unique(reference.quantile(np.linspace(0, 1, bins + 1)[1:-1]).dropna())
        reference, current = (
            pd.Series(np.searchsorted(edges, side), index=side.index).where(side.notna())
            for side in (reference, current)
        )
    expected, actual = (
        side.astype(object).where(side.notna(), "\x00missing").map(str).value_counts() for side in (reference, current)
    )
    names = expected.index.union(actual.index)
    first, second = (side.reindex(names, fill_value=0).to_numpy(float) for side in (expected, actual))
    return first, second


def matrices(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Both as numbers of comparable size: standardised, missing ones the mean; a category as its share."""
    found = []
    for name in reference:
        side, other = reference[name], current[name]
        if not pd.api.types.is_numeric_dtype(side):
            shares = side.astype(object).map(str).value_counts(normalize=True)
            side, other = (one.astype(object).map(str).map(shares).fillna(0.0) for one in (side, other))
        mean, spread = side.mean(), side.std(ddof=0) or 1.0
        found.append([((one.astype(float) - mean) / spread).fillna(0.0).to_numpy() for one in (side, other)])
    first, second = (np.column_stack([pair[place] for pair in found]) for place in (0, 1))
    return first, second


def _changes(detector: Any, values: Sequence[float]) -> list[int]:
    places = []
    for place, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            places.append(place)
    return places
