"""LightGBM's classifier and regressor for skl2onnx, with every threshold in double as LightGBM compares them.

Other converters round thresholds to float32. Scaled whole numbers and imputed means lie so close to a
threshold that rows then fall to the wrong side.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier, LGBMRegressor
from onnx import TensorProto, numpy_helper
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)

IDENTITY = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
EXPONENTIAL = ("poisson", "gamma", "tweedie")
"""Objectives of numbers by their link: the score is the number, or its logarithm."""


class UnsupportedTreesError(Exception):
    """The booster uses something that the ONNX trees cannot say."""


@functools.cache
def register() -> None:
    """Make skl2onnx know LGBMClassifier and LGBMRegressor."""
    update_registered_converter(
        LGBMClassifier,
        "LightGbmLGBMClassifier",
        calculate_linear_classifier_output_shapes,
        _convert_classifier,
        options={"zipmap": [True, False, "columns"], "nocl": [True, False]},
    )
    update_registered_converter(
        LGBMRegressor, "LightGbmLGBMRegressor", calculate_linear_regressor_output_shapes, _convert_regressor
    )


def _scores(scope: Any, operator: Any, container: Any, *objectives: str) -> tuple[str, str, list[str]]:
    """The sum of the trees as a tensor of doubles, and the objective with its options; it must be a known one."""
    dumped = operator.raw_operator.booster_.dump_model()
    objective, *options = dumped["objective"].split(" ")
    if dumped.get("average_output") or objective not in objectives or "sqrt" in options:
        raise UnsupportedTreesError(f"LightGBM with objective {dumped['objective']!r} and averaged trees or not")
    targets = dumped["num_tree_per_iteration"]
    inputs, scores = (scope.get_unique_variable_name(name) for name in ("inputs", "scores"))
    container.add_node("Cast", operator.inputs[0].full_name, inputs, to=TensorProto.DOUBLE, op_version=13)
    container.add_node(
        "TreeEnsembleRegressor",
        inputs,
        scores,
        op_domain="ai.onnx.ml",
        op_version=3,
        n_targets=targets,
        **_attributes(dumped["tree_info"], targets),
    )
    return scores, objective, options


def _convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    scores, objective, _ = _scores(scope, operator, container, *IDENTITY, *EXPONENTIAL)
    values = scores
    if objective in EXPONENTIAL:
        values = scope.get_unique_variable_name("values")
        container.add_node("Exp", scores, values)
    (output,) = operator.outputs
    container.add_node("Cast", values, output.full_name, to=output.type._get_element_onnx_type(), op_version=13)


def _convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    """The scores, then the link of the objective, then label and probabilities."""
    scores, objective, options = _scores(scope, operator, container, "binary", "multiclass")
    scaled, probabilities = (scope.get_unique_variable_name(name) for name in ("scaled", "probabilities"))
    if objective == "binary":
        (slope,) = (float(option.removeprefix("sigmoid:")) for option in options if option.startswith("sigmoid:"))
        one, factor = scope.get_unique_variable_name("one"), scope.get_unique_variable_name("slope")
        positive, negative = scope.get_unique_variable_name("positive"), scope.get_unique_variable_name("negative")
        container.add_initializer(one, 1, [1], [1.0])
        container.add_initializer(factor, 1, [1], [slope])
        container.add_node("Mul", [scores, factor], scaled)
        container.add_node("Sigmoid", scaled, positive)
        container.add_node("Sub", [one, positive], negative)
        container.add_node("Concat", [negative, positive], probabilities, axis=1, op_version=13)
    else:
        container.add_node("Softmax", scores, probabilities, axis=1, op_version=13)
    element = operator.outputs[1].type._get_element_onnx_type()
    label, output = (variable.full_name for variable in operator.outputs)
    container.add_node("ArgMax", probabilities, label, axis=1, keepdims=0, op_version=13)
    container.add_node("Cast", probabilities, output, to=element, op_version=13)


def _attributes(trees: list[dict[str, Any]], targets: int) -> dict[str, Any]:
    """The trees as the parallel lists of ai.onnx.ml.TreeEnsembleRegressor."""
    nodes: dict[str, list[Any]] = {
        name: []
        for name in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing")
    }
    leaves: dict[str, list[Any]] = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}

    def add(tree: int, node: dict[str, Any], number: int) -> int:
        """Write `node` as `number`, everything below it behind; returns the next free number."""
        split = "split_feature" in node
        if split and (node["decision_type"] != "<=" or node["missing_type"] == "Zero"):
            raise UnsupportedTreesError(f"LightGBM split {node['decision_type']}, missing as {node['missing_type']}")
        place = len(nodes["nodeids"])
        nodes["treeids"].append(tree)
        nodes["nodeids"].append(number)
        nodes["featureids"].append(node["split_feature"] if split else 0)
        nodes["modes"].append("BRANCH_LEQ" if split else "LEAF")
        nodes["values"].append(node["threshold"] if split else 0.0)
        nodes["missing"].append(int(split and node["missing_type"] == "NaN" and node["default_left"]))
        nodes["truenodeids"].append(number + 1 if split else 0)
        nodes["falsenodeids"].append(0)
        if not split:
            for name, value in zip(leaves, (tree, number, tree % targets, node["leaf_value"]), strict=True):
                leaves[name].append(value)
            return number + 1
        right = add(tree, node["left_child"], number + 1)
        nodes["falsenodeids"][place] = right
        return add(tree, node["right_child"], right)

    for index, tree in enumerate(trees):
        add(index, tree["tree_structure"], 0)
    return {
        "nodes_treeids": nodes["treeids"],
        "nodes_nodeids": nodes["nodeids"],
        "nodes_featureids": nodes["featureids"],
        "nodes_modes": nodes["modes"],
        "nodes_values_as_tensor": numpy_helper.from_array(np.array(nodes["values"], np.float64), "thresholds"),
        "nodes_truenodeids": nodes["truenodeids"],
        "nodes_falsenodeids": nodes["falsenodeids"],
        "nodes_missing_value_tracks_true": nodes["missing"],
        "target_treeids": leaves["treeids"],
        "target_nodeids": leaves["nodeids"],
        "target_ids": leaves["ids"],
        "target_weights_as_tensor": numpy_helper.from_array(np.array(leaves["weights"], np.float64), "leaves"),
    }
