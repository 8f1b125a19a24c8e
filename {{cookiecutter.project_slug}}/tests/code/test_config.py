from __future__ import annotations

import pytest
import yaml

from {{ cookiecutter.package_name }} import compose, config
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.layout import Layout


def test_params_yaml_says_what_conf_says(project: Layout) -> None:
    assert compose.is_current(project)


def test_a_changed_conf_is_noticed_and_written(project: Layout) -> None:
    automl = project.conf / "automl" / "quick.yaml"
    automl.write_text(automl.read_text(encoding="utf-8").replace("folds: 3", "folds: 4"), encoding="utf-8")
    assert not compose.is_current(project)
    assert compose.write(project)
    assert config.load(project).automl.folds == 4


def test_a_typo_is_named_with_what_was_meant(project: Layout) -> None:
    values = yaml.safe_load(project.params.read_text(encoding="utf-8"))
    values["split"]["tset"] = values["split"].pop("test")
    with pytest.raises(ProjectError, match=r"split\.tset: no such key; did you mean test\?"):
        config.parse(values, "params.yaml")


def test_shares_that_leave_nothing_to_train_on_are_refused(project: Layout) -> None:
    values = yaml.safe_load(project.params.read_text(encoding="utf-8"))
    values["split"] = {"validation": 0.5, "test": 0.5}
    with pytest.raises(ProjectError, match="nothing is left to train on"):
        config.parse(values, "params.yaml")


def test_a_missing_params_yaml_says_what_to_do(project: Layout) -> None:
    project.params.unlink()
    with pytest.raises(ProjectError, match="make pipeline"):
        config.load(project)
