from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from {{ cookiecutter.package_name }} import compose, config
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.layout import Layout

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings(tmp_path: Path) -> Layout:
    """A copy of this project's own conf/, composed."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    layout = Layout(tmp_path)
    compose.write(layout)
    return layout


def test_params_yaml_says_what_conf_says() -> None:
    assert compose.is_current(Layout(ROOT))


def test_a_changed_conf_is_noticed_and_written(settings: Layout) -> None:
    automl = settings.conf / "automl" / "quick.yaml"
    automl.write_text(automl.read_text(encoding="utf-8").replace("folds: 3", "folds: 4"), encoding="utf-8")
    assert not compose.is_current(settings)
    assert compose.write(settings)
    assert config.load(settings).automl.folds == 4


def test_the_environment_may_name_the_prediction_log(settings: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(config.LOG, "postgresql+psycopg://ada:s3cr3t@database/log")
    assert config.load(settings).monitoring.prediction_log == "postgresql+psycopg://ada:s3cr3t@database/log"


def test_a_typo_is_named_with_what_was_meant(settings: Layout) -> None:
    values = yaml.safe_load(settings.params.read_text(encoding="utf-8"))
    values["split"]["tset"] = values["split"].pop("test")
    with pytest.raises(ProjectError, match=r"split\.tset: no such key; did you mean test\?"):
        config.parse(values, "params.yaml")


def test_shares_that_leave_nothing_to_train_on_are_refused(settings: Layout) -> None:
    values = yaml.safe_load(settings.params.read_text(encoding="utf-8"))
    values["split"] |= {"validation": 0.5, "test": 0.5}
    with pytest.raises(ProjectError, match="nothing is left to train on"):
        config.parse(values, "params.yaml")


def test_a_missing_params_yaml_says_what_to_do(settings: Layout) -> None:
    settings.params.unlink()
    with pytest.raises(ProjectError, match="make pipeline"):
        config.load(settings)
