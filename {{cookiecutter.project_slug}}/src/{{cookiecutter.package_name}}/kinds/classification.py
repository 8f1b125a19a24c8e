"""Which of two or more classes?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..config import ClassificationTask
from ..errors import ProjectError
from ..warehouse import quoted
from .kind import TOLERANCE
from .supervised import Supervised

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

MANY_CLASSES = 50
"""A target with more different values than this has no classes."""


class Classification(Supervised[ClassificationTask]):
    experiment = ("pycaret.classification", "ClassificationExperiment")
    metric = "AUC"
    measure = "auc"
    target_type = "varchar"
    folds: ClassVar[dict[str, str]] = {
        "time": "timeseries",
        "random": "kfold",
        "stratified": "stratifiedkfold",
        "group": "groupkfold",
    }
    blending: ClassVar[dict[str, Any]] = {"method": "soft"}
    loss = "log loss"
    alone = "AUC"
    chance = 0.5

    def check_target(self, kind: str, present: int, distinct: int) -> None:
        task = self.task
        if distinct <= MANY_CLASSES:
            return
        if kind in ("VARCHAR", "BOOLEAN"):
            raise ProjectError(
                f"{task.target} has {distinct:,} different values in {present:,} rows; {MANY_CLASSES} classes are the "
                f"most. Join the rare ones in sql/{task.view}.sql, or name another target in conf/task/."
            )
        raise ProjectError(
            f"task.kind is {task.kind}, but {task.target} is a number with {distinct:,} different values. Set "
            f"kind: regression in conf/task/ (and split: random), or make classes of it in sql/{task.view}.sql, such "
            "as case when … then 'high' else 'low' end."
        )

    def check_parts(self, connection: duckdb.DuckDBPyConnection, parts: dict[str, str]) -> None:
        task = self.task
        classes = {name: class_counts(connection, relation, task.target) for name, relation in parts.items()}
        everywhere = {
            label: sum(counts.get(label, 0) for counts in classes.values())
            for counts in classes.values()
            for label in counts
        }
        if task.positive is not None and task.positive not in everywhere:
            raise ProjectError(
                f"task.positive is {task.positive!r}, but {task.target} is one of {', '.join(sorted(everywhere))} "
                "(conf/task/)."
            )
        unknown = {*task.costs, *(name for answers in task.costs.values() for name in answers)} - {*everywhere}
        if unknown:
            raise ProjectError(
                f"task.costs names {', '.join(sorted(unknown))}, but {task.target} is one of "
                f"{', '.join(sorted(everywhere))} (conf/task/)."
            )
        if len(everywhere) < 2:
            raise ProjectError(
                f"{task.target} is {next(iter(everywhere))!r} in every row: with one class there is nothing to learn. "
                "Name another target in conf/task/, or land rows of another class."
            )
        for name, counts in classes.items():
            absent = [f"{label} ({number} in all)" for label, number in everywhere.items() if label not in counts]
            if absent:
                raise ProjectError(
                    f"{name} has no row with {task.target} = {', '.join(absent)}; every part needs each class. Join or "
                    "leave out rare classes in sql/, land more data, or try conf/split/stratified.yaml."
                )

    def classes(self, target: pd.Series) -> tuple[str, ...]:
        chosen = self.task.positive or str(target.value_counts().sort_index().idxmin())
        return (*sorted(set(target) - {chosen}), chosen)

    def encoded(self, target: pd.Series, classes: tuple[str, ...]) -> pd.Series:
        """The positive class is the last number, so that PyCaret's precision, recall and F1 are about it."""
        return target.map({label: number for number, label in enumerate(classes)})

    def correct(self, experiment: Any) -> None:
        """PyCaret 3.3 takes the AUC of several classes from decision functions, which scikit-learn refuses: models that
        have one get 0. Here it is of the probabilities, as on the hold-out.
        """
        from sklearn.metrics import roc_auc_score

        def area(truth: Any, outputs: Any, sample_weight: Any = None) -> float:
            value = mean_over_classes(roc_auc_score, np.asarray(truth), np.asarray(outputs), sample_weight)
            return self.chance if np.isnan(value) else value

        if experiment.is_multiclass:
            experiment.remove_metric("auc")
            experiment.add_metric("auc", "AUC", area, target="pred_proba")

    def refuses(self, candidate: Any) -> str:
        return "" if hasattr(candidate, "predict_proba") else "it gives no probabilities"

    def costs(self, classes: tuple[str, ...]) -> np.ndarray:
        matrix = 1 - np.eye(len(classes))
        for true, answers in self.task.costs.items():
            for answer, cost in answers.items():
                matrix[classes.index(true), classes.index(answer)] = cost
        return matrix if self.task.costs else np.zeros((0, 0))

    def worth(self, outputs: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
        """How good each class is as an answer: minus the cost to be expected (Elkan 2001), or its probability."""
        costs = self.costs(classes)
        return -(outputs @ costs) if costs.size else outputs

    def outputs(self, pipeline: Any, rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(pipeline.predict_proba(rows), dtype=np.float64)

    def single_feature_score(self, feature: pd.DataFrame, target: pd.Series, folds: int, seed: int) -> float:
        from sklearn.model_selection import StratifiedKFold
        from sklearn.tree import DecisionTreeClassifier

        from . import trees

        answer = target.astype(str)
        cut = min(folds, int(answer.value_counts().min()))
        if cut < 2:
            return self.chance
        parts = StratifiedKFold(cut, shuffle=True, random_state=seed)
        return trees.score(DecisionTreeClassifier, feature, answer, parts, "roc_auc_ovr", seed)

    def stream_estimator(self, classes: tuple[str, ...]) -> Any:
        from river import linear_model

        return linear_model.LogisticRegression() if len(classes) == 2 else linear_model.SoftmaxRegression()

    def metrics(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], weights: np.ndarray | None = None
    ) -> dict[str, float]:
        """Of the positive class where there are two, else the mean over the classes, each against the rest.

        The answer is the class with the greatest probability or, where there are `task.costs`, with the smallest cost
        to be expected; `cost` is the mean one of the hold-out. `base_rate` is the share of the positive class.
        """
        import pandas as pd
        from sklearn import metrics

        truth = pd.Categorical(actual, list(classes)).codes
        decided, costs = self.worth(outputs, classes).argmax(axis=1), self.costs(classes)
        average = "binary" if len(classes) == 2 else "macro"
        weighed: Any = {"sample_weight": weights}
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            truth, decided, average=average, zero_division=0.0, **weighed
        )

        def mean_of(metric: Any) -> float:
            return mean_over_classes(metric, truth, outputs, weights)

        return {
            "auc": mean_of(metrics.roc_auc_score),
            "average_precision": mean_of(metrics.average_precision_score),
            "log_loss": float(metrics.log_loss(truth, outputs, labels=range(len(classes)), **weighed)),
            "brier": mean_of(metrics.brier_score_loss),
            "accuracy": float(metrics.accuracy_score(truth, decided, **weighed)),
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "base_rate": float(np.average(truth == len(classes) - 1, weights=weights)),
            **({"cost": float(np.average(costs[truth, decided], weights=weights))} if costs.size else {}),
        }

    def score(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], weights: np.ndarray | None = None
    ) -> float:
        import pandas as pd
        from sklearn.metrics import roc_auc_score

        return mean_over_classes(roc_auc_score, pd.Categorical(actual, list(classes)).codes, outputs, weights)

    def losses(self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
        """Minus the logarithm of the probability of what was true."""
        import pandas as pd

        truth = pd.Categorical(actual, list(classes)).codes
        told = np.clip(outputs[np.arange(len(truth)), truth], 1e-15, 1)
        return np.asarray(-np.log(told))

    def naive(self, target: pd.Series, classes: tuple[str, ...], rows: int) -> np.ndarray:
        """Always the shares of the classes."""
        shares = target.value_counts(normalize=True)[list(classes)].to_numpy()
        return np.tile(shares, (rows, 1))

    def compared_by_group(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...]
    ) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
        """Equal shares of answers are demographic parity; equal rates of true and false ones, equalized odds."""
        from fairlearn import metrics

        decided = np.array(classes)[self.worth(outputs, classes).argmax(axis=1)]
        functions = {
            f"share answered {classes[-1]}": metrics.selection_rate,
            "true positive rate": metrics.true_positive_rate,
            "false positive rate": metrics.false_positive_rate,
            "accuracy": lambda truth, answers: float(np.mean(truth == answers)),
        }
        return functions, (actual == classes[-1]).astype(int), (decided == classes[-1]).astype(int)

    def plot(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], rows: pd.DataFrame, folder: Path
    ) -> None:
        """ROC, precision-recall, calibration of the positive class, or of each where there are more; confusion.

        With two classes also what each threshold would cost.
        """
        import pandas as pd
        from matplotlib.figure import Figure
        from sklearn import metrics
        from sklearn.calibration import calibration_curve

        figure = Figure(figsize=(21 if len(classes) == 2 else 17, 4), layout="constrained")
        roc, recalled, calibration, confusion, *more = figure.subplots(1, 5 if len(classes) == 2 else 4)
        curves: dict[str, list[pd.DataFrame]] = {"roc": [], "precision_recall": [], "calibration": []}
        for label in classes[-1:] if len(classes) == 2 else classes:
            member, probability = actual == label, outputs[:, classes.index(label)]
            fpr, tpr, _ = metrics.roc_curve(member, probability)
            precision, recall, _ = metrics.precision_recall_curve(member, probability)
            observed, predicted = calibration_curve(member, probability, n_bins=10, strategy="quantile")
            roc.plot(fpr, tpr, label=f"{label}, AUC {metrics.auc(fpr, tpr):.3f}")
            (line,) = recalled.plot(recall, precision, label=label)
            recalled.axhline(member.mean(), linestyle="--", color=line.get_color(), alpha=0.4)
            calibration.plot(predicted, observed, "o-", label=label)
            curves["roc"].append(pd.DataFrame({"fpr": fpr, "tpr": tpr, "class": label}))
            curves["precision_recall"].append(pd.DataFrame({"recall": recall, "precision": precision, "class": label}))
            curves["calibration"].append(pd.DataFrame({"predicted": predicted, "observed": observed, "class": label}))
        for axes in (roc, calibration):
            axes.plot([0, 1], [0, 1], "--", color="grey")
        for axes, title, below, left in (
            (roc, "ROC", "false positive rate", "true positive rate"),
            (recalled, "Precision and recall", "recall", "precision (dashed: share of the class)"),
            (calibration, "Calibration", "predicted probability", "observed share"),
        ):
            axes.set(title=title, xlabel=below, ylabel=left)
            axes.legend()
        decided = np.array(classes)[self.worth(outputs, classes).argmax(axis=1)]
        metrics.ConfusionMatrixDisplay.from_predictions(
            actual, decided, labels=list(classes), ax=confusion, colorbar=False, cmap="Blues"
        )
        confusion.set(title="Confusion")
        for axes in more:
            curves["cost"] = [self._draw_costs(actual, outputs, classes, axes)]
        figure.savefig(folder / "evaluation.png", dpi=110)
        for name, tables in curves.items():
            pd.concat(tables).to_csv(folder / f"{name}.csv", index=False, float_format="%.6f")
        pd.DataFrame({"actual": actual, "predicted": decided}).to_csv(folder / "confusion.csv", index=False)

    def _draw_costs(self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], axes: Any) -> pd.DataFrame:
        """The mean cost of an answer by the probability from which the positive class is told."""
        import pandas as pd

        costs = self.costs(classes) if self.task.costs else 1 - np.eye(2)
        truth = (actual == classes[1]).astype(int)
        thresholds = np.linspace(0, 1, 101)
        mean = [costs[truth, (outputs[:, 1] >= threshold).astype(int)].mean() for threshold in thresholds]
        chosen = threshold_of(costs)
        axes.plot(thresholds, mean)
        axes.axvline(chosen, linestyle="--", color="tab:red", label=f"in use: {chosen:.2f}")
        axes.set(title="Cost", xlabel=f"probability from which {classes[1]} is told", ylabel="mean cost of an answer")
        axes.legend()
        return pd.DataFrame({"threshold": thresholds, "cost": mean})

    def differences(
        self, expected: np.ndarray, answers: np.ndarray, classes: tuple[str, ...]
    ) -> tuple[np.ndarray, int]:
        """The largest difference of a probability; labels count where the best two are further than TOLERANCE apart."""
        worth, found = self.worth(expected, classes), self.worth(answers, classes)
        best, second = np.sort(worth, axis=1)[:, :-3:-1].T
        differ = (best - second > TOLERANCE) & (found.argmax(axis=1) != worth.argmax(axis=1))
        return np.abs(answers - expected).max(axis=1), int(differ.sum())


def mean_over_classes(metric: Any, truth: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None = None) -> float:
    """A metric of one class against the rest: of the second where there are two, else the mean; NaN where no class can
    be told from the others, as in a resample that has drawn one only. `truth` holds places of classes.
    """
    count = outputs.shape[1]
    members = {one: truth == one for one in ([1] if count == 2 else range(count))}
    both = [one for one, member in members.items() if 0 < member.mean() < 1]
    return float(np.mean([metric(members[one], outputs[:, one], sample_weight=weights) for one in both] or [np.nan]))


def threshold_of(costs: np.ndarray) -> float:
    """The probability of the second of two classes from which it is the cheaper answer (Elkan 2001, equation 2)."""
    wrongly_told, wrongly_missed = costs[0, 1] - costs[0, 0], costs[1, 0] - costs[1, 1]
    return float(wrongly_told / (wrongly_told + wrongly_missed))


def class_counts(connection: duckdb.DuckDBPyConnection, relation: str, target: str) -> dict[str, int]:
    name = quoted(target)
    return dict(connection.execute(f"select {name}, count(*) from {relation} group by 1 order by 1").fetchall())
