"""Clusterers of scikit-learn and detectors of PyOD as arithmetic in double; skl2onnx knows few of them.

Each function takes the prepared rows as a tensor and gives the outputs of its kind: rows by clusters, one of them 1,
or rows by one score minus the threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType

from .onnx_graph import OPSET, Graph

ALMOST_NOTHING = 1e-10
"""scikit-learn's addend in the local reachability density, against a division by 0."""


def _nearest(graph: Graph, tensor: str, centres: np.ndarray, clusters: np.ndarray) -> str:
    """The cluster of the nearest centre; the first one of equals, as numpy has it."""
    nearest = graph.op("ArgMin", _squared_distances(graph, tensor, centres), axis=1, keepdims=0)
    members = np.eye(int(clusters.max()) + 1)[clusters]
    return graph.op("Gather", graph.constant(members), nearest, axis=0)


def _squared_distances(graph: Graph, tensor: str, points: np.ndarray) -> str:
    """Rows by points, never below 0."""
    points = np.asarray(points, np.float64)
    products = graph.op("MatMul", tensor, graph.constant(-2 * points.T))
    lengths = graph.op("ReduceSumSquare", tensor, axes=[1], keepdims=1)
    together = graph.op("Add", graph.op("Add", products, graph.constant((points**2).sum(axis=1)[None, :])), lengths)
    return graph.op("Max", together, graph.constant(np.zeros((1, 1))))


def _neighbours(graph: Graph, tensor: str, points: np.ndarray, number: int) -> tuple[str, str]:
    """Distances to the nearest points, the nearest one first, and which points they are."""
    distances = graph.op("Sqrt", _squared_distances(graph, tensor, points))
    return graph.ops("TopK", 2, distances, graph.constant(np.array([number])), axis=1, largest=0, sorted=1)  # type: ignore[return-value]


def _minus_threshold(graph: Graph, scores: str, detector: Any) -> str:
    return graph.op("Sub", scores, graph.constant(np.array([[float(detector.threshold_)]])))


def _by_centres(graph: Graph, tensor: str, clusterer: Any) -> str:
    centres = np.asarray(clusterer.cluster_centers_)
    return _nearest(graph, tensor, centres, np.arange(len(centres)))


def _birch(graph: Graph, tensor: str, clusterer: Any) -> str:
    return _nearest(graph, tensor, clusterer.subcluster_centers_, np.asarray(clusterer.subcluster_labels_))


def _by_skl2onnx(graph: Graph, tensor: str, detector: Any) -> str:
    """Minus the decision function of the detector of scikit-learn inside."""
    inner = detector.detector_
    width = [("x", FloatTensorType([None, inner.n_features_in_]))]
    part = convert_sklearn(inner, initial_types=width, target_opset=OPSET)
    scores = graph.include(part, graph.cast(tensor, TensorProto.FLOAT))[1]
    flat = graph.op("Reshape", graph.cast(scores, TensorProto.DOUBLE), graph.constant(np.array([-1, 1])))
    return _minus_threshold(graph, graph.op("Neg", flat), detector)


def _covariance(graph: Graph, tensor: str, detector: Any) -> str:
    """Squared Mahalanobis distance."""
    inner = detector.detector_
    apart = graph.op("Sub", tensor, graph.constant(np.asarray(inner.location_, np.float64)[None, :]))
    turned = graph.op("MatMul", apart, graph.constant(np.asarray(inner.get_precision(), np.float64)))
    scores = graph.op("ReduceSum", graph.op("Mul", turned, apart), graph.constant(np.array([1])), keepdims=1)
    return _minus_threshold(graph, scores, detector)


def _nearest_neighbours(graph: Graph, tensor: str, detector: Any) -> str:
    known = np.asarray(detector.neigh_._fit_X)
    distances, _ = _neighbours(graph, tensor, known, detector.n_neighbors)
    picked = {"largest": detector.n_neighbors - 1, "median": (detector.n_neighbors - 1) // 2}
    if detector.method == "mean":
        scores = graph.op("ReduceMean", distances, axes=[1], keepdims=1)
    else:
        scores = graph.columns(distances, [picked[detector.method]])
    return _minus_threshold(graph, scores, detector)


def _local_outlier_factor(graph: Graph, tensor: str, detector: Any) -> str:
    """Breunig, Kriegel, Ng, Sander 2000: the density around the neighbours by that around the row."""
    inner = detector.detector_
    distances, which = _neighbours(graph, tensor, np.asarray(inner._fit_X), inner.n_neighbors_)
    last = np.asarray(inner._distances_fit_X_[:, inner.n_neighbors_ - 1], np.float64)
    reached = graph.op("Max", distances, graph.op("Gather", graph.constant(last), which, axis=0))
    mean = graph.op("ReduceMean", reached, axes=[1], keepdims=1)
    around = graph.op("Reciprocal", graph.op("Add", mean, graph.constant(np.array([[ALMOST_NOTHING]]))))
    theirs = graph.op("Gather", graph.constant(np.asarray(inner._lrd, np.float64)), which, axis=0)
    scores = graph.op("ReduceMean", graph.op("Div", theirs, around), axes=[1], keepdims=1)
    return _minus_threshold(graph, scores, detector)


def _clusters(graph: Graph, tensor: str, detector: Any) -> str:
    """CBLOF: distance to the own centre, or to that of the nearest large cluster from a small one."""
    centres = np.asarray(detector.cluster_centers_, np.float64)
    squared = _squared_distances(graph, tensor, centres)
    members = _nearest(graph, tensor, centres, np.arange(len(centres)))
    small = np.isin(np.arange(len(centres)), detector.small_cluster_labels_)
    own = graph.op("ReduceSum", graph.op("Mul", squared, members), graph.constant(np.array([1])), keepdims=1)
    large = graph.columns(squared, np.flatnonzero(~small).tolist())
    nearest_large = graph.op("ReduceMin", large, axes=[1], keepdims=1)
    from_small = graph.op("Cast", graph.op("MatMul", members, graph.constant(small[:, None].astype(np.float64))), to=9)
    scores = graph.op("Sqrt", graph.op("Where", from_small, nearest_large, own))
    if detector.use_weights:
        sizes = np.asarray(detector.cluster_sizes_, np.float64)[:, None]
        scores = graph.op("Mul", scores, graph.op("MatMul", members, graph.constant(sizes)))
    return _minus_threshold(graph, scores, detector)


def _histograms(graph: Graph, tensor: str, detector: Any) -> str:
    """HBOS: minus the sum over the columns of the logarithm of the density of the bin."""
    scores = []
    for column in range(detector.hist_.shape[1]):
        edges = np.asarray(detector.bin_edges_[:, column], np.float64)
        logs = np.log2(np.asarray(detector.hist_[:, column], np.float64) + detector.alpha)
        first, last = (edges[1] - edges[0]) * detector.tol, (edges[-1] - edges[-2]) * detector.tol
        shifted = np.array([edges[0] - first, *edges[1:-1], edges[-1] + last])
        above = graph.op("Greater", graph.columns(tensor, [column]), graph.constant(shifted[None, :]))
        place = graph.op("ReduceSum", graph.cast(above, TensorProto.INT64), graph.constant(np.array([1])), keepdims=1)
        worst = logs.min()
        scores.append(graph.op("Gather", graph.constant(-np.array([worst, *logs, worst])), place, axis=0))
    return _minus_threshold(graph, graph.op("Sum", *scores), detector)


CONVERTERS: dict[str, Callable[[Graph, str, Any], str]] = {
    "KMeans": _by_centres,
    "MeanShift": _by_centres,
    "AffinityPropagation": _by_centres,
    "Birch": _birch,
    "IForest": _by_skl2onnx,
    "OCSVM": _by_skl2onnx,
    "MCD": _covariance,
    "KNN": _nearest_neighbours,
    "LOF": _local_outlier_factor,
    "CBLOFForceToDouble": _clusters,
    "CBLOF": _clusters,
    "HBOS": _histograms,
}
"""By the name of the class: PyOD is not imported for it."""
