from __future__ import annotations

import json

import pandas as pd
import pytest

from {{ cookiecutter.package_name }} import deploy, deployment, registry
from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.models import bundle
from {{ cookiecutter.package_name }}.pipeline import evaluate, export, train
from {{ cookiecutter.package_name }}.retraining import promote


@pytest.mark.pipeline
@pytest.mark.filterwarnings("default")
def test_penguins_become_a_champion_that_is_deployed(
    prepared: Layout, smoke: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ProjectError, match="make pipeline"):
        promote.run(smoke, prepared)
    for stage in (train, evaluate, export):
        stage.run(smoke, prepared)

    leaderboard = pd.read_csv(prepared.results / "leaderboard.csv")
    metrics = json.loads((prepared.results / "metrics.json").read_text(encoding="utf-8"))
    assert leaderboard["id"].tolist() == ["dt"]
    assert 0.5 < metrics["auc"] < 1

    card = (prepared.results / "model_card.md").read_text(encoding="utf-8")
    assert f"| auc | {metrics['auc']:.4f} |" in card
    assert "Where it fails" not in card  # each slice has fewer rows than evaluation.min_slice_rows

    first, again = promote.run(smoke, prepared), promote.run(smoke, prepared)
    assert (first.version, first.promoted) == ("1", True)
    assert "is the champion already" in again.sentence
    assert registry.with_alias(prepared, registry.CHAMPION) == registry.Version("1", first_run(prepared), ("champion",))

    train.run(smoke, prepared)
    evaluate.run(smoke, prepared)
    export.run(smoke, prepared)
    second = promote.run(smoke, prepared)
    assert (second.version, second.promoted) == ("2", False)
    assert "Rejected: version 2 stays challenger" in second.sentence

    with pytest.raises(ProjectError, match="no previous champion"):
        promote.rollback(prepared)
    registry.promote(prepared, registry.Version("2", "", ()))
    assert promote.rollback(prepared) == "1"
    trail = (prepared.governance / "decisions.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["decision"] for line in trail] == ["Promoted", "Rejected", "Rolled back"]

    made = deploy.run(smoke, prepared, "canary", share=25)
    assert deployment.read(prepared) == made
    assert made.challenger
    assert (made.champion.version, made.challenger.version, made.share) == ("1", "2", 0.25)
    for model in made.arms.values():
        bundle.verify(prepared.deploy / model.bundle)
    assert bundle.load(prepared.deploy / made.champion.bundle).card.startswith("# Model card")
    assert deploy.back(prepared).challenger is None
    deploy.run(smoke, prepared)
    registry.promote(prepared, registry.numbered(prepared, "2"))
    green = deploy.run(smoke, prepared, "blue-green")
    assert (green.champion.version, green.standby) == ("2", made.champion)
    assert deploy.back(prepared).champion == made.champion


def first_run(layout: Layout) -> str:
    return json.loads((layout.trained / "run.json").read_text(encoding="utf-8"))["run_id"]
