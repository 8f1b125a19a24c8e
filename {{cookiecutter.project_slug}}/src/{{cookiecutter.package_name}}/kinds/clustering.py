"""Which rows are alike?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import ClusteringTask
from .kind import HoldOut
from .unsupervised import Unsupervised

if TYPE_CHECKING:
    import pandas as pd

TOLD_A_NUMBER = ("kmeans", "birch")
"""Models that must be told how many clusters there are; the others find out."""

CATEGORIES = 25
"""Categories of a column that count when rows are compared; the rarer ones are one."""


class Clustering(Unsupervised[ClusteringTask]):
    """The outputs of a row are 1 for its cluster and 0 for the others.

    Models are judged in one space, whatever space they have found their clusters in: numbers in standard deviations
    of the training rows, a column for each category. `actual` are the points of the rows there.
    """

    experiment = ("pycaret.clustering", "ClusteringExperiment")
    metric = "Silhouette"
    measure = "silhouette"
    loss = "1 - silhouette"
    baseline = "a model that draws lots"
    graded = False

    def asks_for(self) -> str:
        return "cluster"

    def candidates(self, models: tuple[str, ...], train: pd.DataFrame, validation: pd.DataFrame) -> tuple[str, ...]:
        """Models that must be told a number of clusters, once for each of `task.clusters`."""
        return tuple(
            candidate
            for name in models
            for candidate in (
                [f"{name}:{number}" for number in self.task.clusters] if name in TOLD_A_NUMBER else [name]
            )
        )

    def created(
        self, experiment: Any, candidate: str, validation: pd.DataFrame, arguments: dict[str, Any]
    ) -> tuple[Any, dict[str, float]]:
        name, _, number = candidate.partition(":")
        told = {"num_clusters": int(number)} if number else {}
        made = experiment.create_model(name, verbose=False, **{**told, **arguments})
        return made, experiment.pull().iloc[0][self.metrics_of(experiment)].to_dict()

    def greater_is_better(self, experiment: Any, metric: str) -> bool:
        return metric != "Davies-Bouldin"

    def metrics_of(self, experiment: Any) -> list[str]:
        """Those of PyCaret that need no true clusters."""
        known = experiment.get_metrics()
        return list(known["Display Name"][~known["Needs Ground Truth"]])

    def refuses(self, candidate: Any) -> str:
        if not hasattr(candidate, "predict"):
            return "it cannot say to which cluster a new row belongs"
        found = np.unique(candidate.labels_)
        return "it found no clusters" if len(found) < 2 or found[0] < 0 else ""

    def outputs(self, pipeline: Any, rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(np.eye(len(self.answers(pipeline)))[np.asarray(pipeline.predict(rows), dtype=int)])

    def answers(self, pipeline: Any) -> tuple[str, ...]:
        return tuple(str(number) for number in range(int(np.max(self.estimator(pipeline).labels_)) + 1))

    def hold_out(self, parts: dict[str, pd.DataFrame], classes: tuple[str, ...], seed: int) -> HoldOut:
        test = parts["test"]
        drawn = np.random.default_rng(seed).integers(len(classes), size=len(test))
        return HoldOut(test, points(parts["train"], test), np.eye(len(classes))[drawn], len(test))

    def metrics(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], weights: np.ndarray | None = None
    ) -> dict[str, float]:
        """`silhouette` is the simplified one (Hruschka, de Castro, Campello 2004), by distances to the middles of the
        clusters: -1 to 1, the greater the better. `explained` is the share of the variance that lies between the
        clusters. `davies_bouldin` (Davies and Bouldin 1979) is smaller where clusters are tight and far apart.
        """
        weights = np.ones(len(actual)) if weights is None else weights
        outputs = outputs[:, outputs.T @ weights > 0]
        middles, distances = _distances(actual, outputs, weights)
        total = np.average(((actual - np.average(actual, axis=0, weights=weights)) ** 2).sum(axis=1), weights=weights)
        own = (distances * outputs).sum(axis=1)
        shares = outputs.T @ weights / weights.sum()
        return {
            "silhouette": float(np.average(_silhouettes(distances, outputs), weights=weights)),
            "explained": float(1 - np.average(own**2, weights=weights) / (total or 1.0)),
            "davies_bouldin": _davies_bouldin(middles, (own * weights) @ outputs / (outputs.T @ weights)),
            "clusters": float(len(shares)),
            "largest_share": float(shares.max()),
        }

    def losses(self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
        outputs = outputs[:, outputs.any(axis=0)]
        return 1 - _silhouettes(_distances(actual, outputs, np.ones(len(actual)))[1], outputs)

    def plot(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], rows: pd.DataFrame, folder: Path
    ) -> None:
        """The rows by their two principal components, their silhouettes, and what is peculiar to each cluster."""
        import pandas as pd
        from matplotlib.figure import Figure
        from sklearn.decomposition import PCA

        found = outputs.argmax(axis=1)
        x, y = PCA(2).fit_transform(actual).T if actual.shape[1] > 1 else (actual[:, 0], np.zeros(len(actual)))
        table = pd.DataFrame(
            {"x": x, "y": y, "cluster": found, "silhouette": 1 - self.losses(actual, outputs, classes)}
        )
        numbers = rows.select_dtypes(["number", "bool"]).astype(float)
        spread = (numbers - numbers.mean()) / numbers.std().replace(0, 1)
        profile = spread.groupby(found).mean()
        figure = Figure(figsize=(15, max(4.0, 0.3 * len(numbers.columns))), layout="constrained")
        where, how_sure, peculiar = figure.subplots(1, 3)
        for cluster, members in table.groupby("cluster"):
            where.scatter(members["x"], members["y"], s=8, alpha=0.6, label=f"{cluster} ({len(members)})")
        where.set(title="Clusters", xlabel="first principal component", ylabel="second")
        where.legend(title="cluster (rows)", fontsize=8)
        ordered = table.sort_values(["cluster", "silhouette"])
        colours = [f"C{cluster % 10}" for cluster in ordered["cluster"]]
        how_sure.bar(range(len(ordered)), ordered["silhouette"], width=1.0, color=colours)
        how_sure.axhline(table["silhouette"].mean(), linestyle="--", color="grey")
        how_sure.set(
            title=f"Silhouette {table['silhouette'].mean():.3f}", xlabel="rows, by cluster", ylabel="silhouette"
        )
        image = peculiar.imshow(profile.T, cmap="coolwarm", vmin=-2, vmax=2, aspect="auto")
        peculiar.set(title="Mean of each feature", xlabel="cluster")
        peculiar.set_xticks(range(len(profile)), [str(cluster) for cluster in profile.index])
        peculiar.set_yticks(range(len(numbers.columns)), list(numbers.columns))
        figure.colorbar(image, ax=peculiar, label="standard deviations from the mean of all")
        figure.savefig(folder / "evaluation.png", dpi=110)
        table.to_csv(folder / "clusters.csv", index=False, float_format="%.6f")
        profile.rename_axis("cluster").to_csv(folder / "profile.csv", float_format="%.6f")

    def differences(
        self, expected: np.ndarray, answers: np.ndarray, classes: tuple[str, ...]
    ) -> tuple[np.ndarray, int]:
        apart = np.abs(expected - answers).max(axis=1)
        return apart, int((apart > 0).sum())


def points(train: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """`rows` in the space that models are judged in; `train` says what is usual there."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    texts = [str(name) for name in train if train[name].dtype == object]
    numbers = [str(name) for name in train if name not in texts]
    encoder = OneHotEncoder(max_categories=CATEGORIES, handle_unknown="infrequent_if_exist", sparse_output=False)
    space = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers), (encoder, texts)
    )
    train, rows = (part.fillna(dict.fromkeys(texts, "missing")) for part in (train, rows))
    return np.asarray(space.fit(train).transform(rows), dtype=np.float64)


def _distances(points: np.ndarray, members: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle of each cluster, and how far each point is from each of them."""
    from scipy.spatial.distance import cdist

    shares = members * weights[:, None]
    middles = shares.T @ points / shares.sum(axis=0)[:, None]
    return middles, cdist(points, middles)


def _silhouettes(distances: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Of each point: 0 in the only cluster that there is."""
    if members.shape[1] < 2:
        return np.zeros(len(members))
    own = (distances * members).sum(axis=1)
    nearest = np.where(members > 0, np.inf, distances).min(axis=1)
    greater = np.maximum(own, nearest)
    return np.asarray((nearest - own) / np.where(greater > 0, greater, 1.0))


def _davies_bouldin(middles: np.ndarray, spreads: np.ndarray) -> float:
    from scipy.spatial.distance import cdist

    if len(middles) < 2:
        return float("nan")
    between = cdist(middles, middles)
    np.fill_diagonal(between, np.inf)
    return float(np.mean(((spreads[:, None] + spreads[None, :]) / between).max(axis=1)))
