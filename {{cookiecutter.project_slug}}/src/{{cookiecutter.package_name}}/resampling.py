"""Bootstrap by weights: the rows of a hold-out drawn again and again, without a copy of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

RESAMPLES = 200
LARGEST = 20_000
"""Rows that are drawn from; of a larger hold-out a seeded sample, its rows weighted so that they stand for all."""


def resamples(rows: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """RESAMPLES pairs: positions that were drawn and how often each was, `rows` draws in all.

    Efron and Tibshirani 1993. From at most LARGEST rows, as in the bag of little bootstraps (Kleiner, Talwalkar,
    Sarkar, Jordan 2014) with one bag.
    """
    random = np.random.default_rng(seed)
    drawn = np.sort(random.choice(rows, min(rows, LARGEST), replace=False))
    for _ in range(RESAMPLES):
        weights = random.multinomial(rows, np.full(len(drawn), 1 / len(drawn)))
        yield drawn[weights > 0], weights[weights > 0]


def interval(values: list[float], confidence: float) -> tuple[float, float]:
    """The percentile interval of what a measure was in each resample; resamples without a value are passed over."""
    tail = 100 * (1 - confidence) / 2
    return float(np.nanpercentile(values, tail)), float(np.nanpercentile(values, 100 - tail))
