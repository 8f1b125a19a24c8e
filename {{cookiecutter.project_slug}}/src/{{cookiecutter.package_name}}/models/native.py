"""A fitted estimator that has no ONNX form, kept by skops: what it may be made of is listed, nothing is unpickled."""

from __future__ import annotations

import copy
from typing import Any

from ..errors import ProjectError

TRUSTED = (
    "pyod.models.abod.ABOD",
    "pyod.models.cof.COF",
    "pyod.models.pca.PCA",
    "pyod.models.sod.SOD",
    "pyod.models.sos.SOS",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
)
"""Types that may be made when an estimator is loaded, beside those that skops knows to be harmless."""


def dump(estimator: Any) -> bytes:
    """Raises ProjectError that names the types that are not trusted."""
    import skops.io

    nameless = copy.deepcopy(estimator)
    vars(nameless).pop("feature_names_in_", None)  # it is asked with a matrix
    content: bytes = skops.io.dumps(nameless)
    foreign = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED))
    if foreign:
        raise ProjectError(
            f"{type(estimator).__name__} is made of {', '.join(foreign)}, which models/native.py has not."
        )
    return content


def load(content: bytes) -> Any:
    """Raises ProjectError for a type that is not trusted, and for a library that is not there."""
    try:
        import skops.io

        return skops.io.loads(content, trusted=list(TRUSTED))
    except ImportError as error:
        raise ProjectError(
            f"This bundle needs {error.name}, since its model has no ONNX form: "
            "poetry install --only main,native. Detectors of PyOD need the group train."
        ) from error
    except Exception as error:
        raise ProjectError(f"The estimator of the bundle is not accepted: {error}") from error
