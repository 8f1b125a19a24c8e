from __future__ import annotations

import numpy as np
import pytest

from {{ cookiecutter.package_name }} import kinds
from {{ cookiecutter.package_name }}.config import ClassificationTask
from {{ cookiecutter.package_name }}.kinds.classification import threshold_of
from {{ cookiecutter.package_name }}.models import answers, bundle
from {{ cookiecutter.package_name }}.pipeline import evaluate

from ..conftest import CLASSIFY, REGRESS

CLASSES = ("fish", "krill", "squid")
ACTUAL = np.array(["fish", "krill", "squid"] * 30)
RIGHT = np.eye(3)[[0, 1, 2] * 30] * 0.7 + 0.1


def test_three_classes_are_judged_each_against_the_rest() -> None:
    kind = CLASSIFY
    metrics = kind.metrics(ACTUAL, RIGHT, CLASSES)
    assert (metrics["auc"], metrics["accuracy"], metrics["f1"]) == (1, 1, 1)
    assert metrics["log_loss"] == pytest.approx(-np.log(0.8))
    naive = kind.metrics(ACTUAL, np.full((90, 3), 1 / 3), CLASSES)
    assert (naive["auc"], naive["accuracy"]) == (0.5, pytest.approx(1 / 3))


def test_a_weight_counts_a_row_several_times() -> None:
    for kind, actual, outputs, classes in (
        (CLASSIFY, ACTUAL[:9], RIGHT[::-1][:9], CLASSES),
        (REGRESS, np.arange(9.0), np.arange(9.0)[::-1].reshape(-1, 1), ()),
    ):
        weights = np.array([3, 1, 1, 1, 2, 1, 1, 1, 1])
        times = np.repeat(np.arange(9), weights)
        repeated = kind.metrics(actual[times], outputs[times], classes)
        weighted = kind.metrics(actual, outputs, classes, weights)
        for metrics in (weighted, repeated):
            metrics.pop("median_error", None)  # scikit-learn takes the lower one of the two middle rows
        assert weighted == pytest.approx(repeated)


def test_resamples_that_miss_a_rare_class_are_passed_over() -> None:
    actual = np.array(["rare", *["often"] * 60])
    outputs = np.column_stack([np.linspace(0.1, 0.9, 61), np.linspace(0.9, 0.1, 61)])
    report = evaluate.judged(CLASSIFY, actual, outputs, outputs, ("often", "rare"), 7)
    assert report["auc"] == {"value": 1.0, "low": 1.0, "high": 1.0, "naive": 1.0}
    assert report["base_rate"]["low"] == 0


def test_the_cheapest_answer_is_given() -> None:
    """To miss a late one costs four times what a false alarm does: it is told from one in five on."""
    costs = {"late": {"on_time": 4.0}}
    kind = kinds.of(ClassificationTask(kind="classification", view="t", target="y", costs=costs))
    classes, outputs = ("on_time", "late"), np.array([[0.9, 0.1], [0.79, 0.21], [0.3, 0.7]])
    assert threshold_of(kind.costs(classes)) == pytest.approx(0.2)
    assert kind.worth(outputs, classes).argmax(axis=1).tolist() == [0, 1, 1]
    metrics = kind.metrics(np.array(["late", "on_time", "late"]), outputs, classes)
    assert metrics["cost"] == pytest.approx((4 + 1 + 0) / 3)
    assert "cost" not in CLASSIFY.metrics(np.array(["late", "on_time", "late"]), outputs, classes)
    schema = bundle.schema_from(
        {"kind": "classification", "target": "y", "classes": classes, "columns": [], "example": {}}
        | {"costs": kind.costs(classes).tolist()}
    )
    answer = answers.of("classification").columns(schema, outputs)
    assert (answer["label"][1], answer["probability"][1]) == ("late", 0.21)
