"""What the stages found out about a model, on one page for people: results/model_card.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import yaml

from .. import governance, kinds
from ..config import Config
from ..layout import Layout, read_json, replacing
from . import split

TEMPLATE = Path(__file__).with_name("model_card.md")
PAGE = "model_card.md"


def write(config: Config, layout: Layout, estimator: str, trained_on: int, parity: dict[str, Any]) -> None:
    """`trained_on` are the rows that the model has learnt from; the rest is in results/ and metadata.yaml."""
    kind = kinds.of(config.task)
    answered = kind.asks_for()
    about = layout.root / "metadata.yaml"
    known = (yaml.safe_load(about.read_text(encoding="utf-8")) if about.is_file() else None) or {}
    slices = read_json(layout.results / "slices.json")
    features = read_json(layout.splits / split.FEATURES)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=known.get("title", answered),
        description=" ".join(str(known.get("description", "")).split()),
        question=config.task.question or f"What is {answered}?",
        licence=known.get("licence", "not said in metadata.yaml"),
        intended_use=known.get("intended_use", "Not said: add `intended_use` to metadata.yaml."),
        known_afterwards=known.get("known_afterwards") or [],
        task=config.task,
        answered=answered,
        asked=kind.asked,
        baseline=kind.baseline,
        explained=(layout.results / "plots" / "importance.png").is_file(),
        estimator=estimator,
        features=features["features"],
        left_out=features["left_out"],
        git_revision=governance.git_revision(layout),
        data={name.removeprefix("dvc."): md5 for name, md5 in governance.dvc_hashes(layout).items()},
        rows=read_json(layout.results / "metrics.json")["rows"],
        evaluation=read_json(layout.results / "evaluation.json"),
        slices=slices,
        worse=[one for one in slices if one["worse"]],
        loss=kind.loss,
        trained_on=trained_on,
        parity=parity,
        behaviour=read_json(layout.results / "behaviour.json"),
        fairness=read_json(layout.results / "fairness.json"),
        added=(layout.results / "plots" / "shap.png").is_file(),
    )
    with replacing(layout.results / PAGE) as page:
        page.write_text(text, encoding="utf-8")
