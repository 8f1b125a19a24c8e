"""Splits in, a report out on what knows the answer already; with `leakage.action: stop` a leak ends the pipeline."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from matplotlib.figure import Figure

from .. import governance, kinds
from ..config import Config
from ..errors import ProjectError
from ..kinds.supervised import Supervised
from ..layout import Layout, replacing, write_json
from ..locks import exclusive
from ..progress import progress
from ..warehouse import connect, count, parquet, quoted
from . import split

FOLDS = 3


@dataclass(frozen=True)
class Leak:
    """`column` knows what it should not, for `reason`."""

    column: str
    reason: str


def run(config: Config, layout: Layout) -> None:
    """Writes results/leakage/: leakage.json and a picture of what each feature knows alone."""
    with exclusive("leakage", layout), governance.recorded("leakage", layout, layout.splits) as record:
        kind = kinds.of(config.task)
        scores: dict[str, float] = {}
        leaks: list[Leak] = []
        known = "no feature can know the answer"
        repeated = duplicates(config, layout)
        with replacing(layout.results / "leakage") as folder:
            folder.mkdir()
            if isinstance(kind, Supervised):
                train = sample(split.read(config, layout, "train"), config.leakage.sample_rows, config.seed)
                scores = single_feature_scores(train, kind.asks_for(), kind, config.seed)
                leaks = find(train, kind.asks_for(), kind, scores, known_afterwards(layout), config.leakage.max_score)
                draw(scores, kind, config.leakage.max_score, folder / "leakage.png")
                best = next(iter(scores))
                known = f"{best} knows most alone: {kind.alone} {scores[best]:.3f}"
            record.facts["leaks"] = [leak.column for leak in leaks]
            report: dict[str, Any] = {
                "leaks": [asdict(leak) for leak in leaks],
                "scores": scores,
                "test_rows_in_train": repeated,
            }
            write_json(folder / "leakage.json", report)
    print(f"leakage   {known}; {repeated:,} rows of test are in train too")
    if not leaks:
        return
    told = "\n".join(f"  {leak.column}: {leak.reason}" for leak in leaks)
    advice = f"Take them out of sql/{config.task.view}.sql, or name them in task.leave_out (conf/task/)."
    if config.leakage.action == "stop":
        raise ProjectError(
            f"{len(leaks)} feature(s) leak the answer, so nothing is trained (results/leakage/):\n{told}\n{advice} "
            "If they are known at the time of the prediction, choose leakage: warn in conf/config.yaml."
        )
    print(f"leakage   WARNING {len(leaks)} feature(s) may leak the answer:\n{told}\n{advice}")


def sample(rows: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    return rows.sample(count, random_state=seed).sort_index() if len(rows) > count else rows


def single_feature_scores(rows: pd.DataFrame, target: str, kind: Supervised, seed: int) -> dict[str, float]:
    """What a small tree makes of each feature alone, cross-validated: AUC or R² (1 = perfect), best first.

    The idea is that of the predictive power score (Wetschoreck, Krabel, Krishnamurthy 2020).
    """
    scores = {
        str(name): round(kind.single_feature_score(rows[[name]], rows[target], FOLDS, seed), 4)
        for name in progress_over(rows.columns.drop(target))
    }
    return dict(sorted(scores.items(), key=lambda item: -item[1]))


def progress_over(names: pd.Index) -> Any:
    with progress("leakage", len(names), " features") as bar:
        for name in names:
            yield name
            bar.update()


def find(
    rows: pd.DataFrame, target: str, kind: Supervised, scores: dict[str, float], afterwards: list[str], max_score: float
) -> list[Leak]:
    """Each feature with the gravest reason against it."""
    leaks = []
    for name, score in scores.items():
        if equals(rows[name], rows[target]):
            leaks.append(Leak(name, f"it is {target} under another name: each value belongs to one of its and back"))
        elif score >= 0.9999:
            leaks.append(Leak(name, f"it orders {target}: alone it tells it without error"))
        elif score >= max_score:
            leaks.append(
                Leak(name, f"alone it predicts {target} with {kind.alone} of {score:.3f}, {max_score:g} is the limit")
            )
        elif name in afterwards:
            leaks.append(Leak(name, "metadata.yaml says that it is known only afterwards"))
    return leaks


def equals(feature: pd.Series, target: pd.Series) -> bool:
    """Whether feature and target determine each other, value by value."""
    pairs = pd.DataFrame({"feature": feature.astype(str), "target": target.astype(str)}).drop_duplicates()
    return bool(pairs["feature"].is_unique and pairs["target"].is_unique)


def duplicates(config: Config, layout: Layout) -> int:
    """How many rows of the test part are in the training part too, all features and the target being equal."""
    with connect(config.engine, layout) as connection:
        chosen = split.read_features(layout)
        row = ", ".join(quoted(name) for name in (*chosen, config.task.target) if name)
        train, test = (parquet(layout.splits / f"{part}.parquet") for part in ("train", "test"))
        return count(connection, test, f"hash({row}) in (select hash({row}) from {train})")


def known_afterwards(layout: Layout) -> list[str]:
    """The columns that the dataset card marks as known only after the event."""
    card = layout.root / "metadata.yaml"
    content = yaml.safe_load(card.read_text(encoding="utf-8")) if card.is_file() else {}
    return list((content or {}).get("known_afterwards") or [])


def draw(scores: dict[str, float], kind: Supervised, limit: float, path: Path) -> None:
    shown = dict(list(scores.items())[:40])
    figure = Figure(figsize=(8, 1 + 0.28 * len(shown)), layout="constrained")
    axes = figure.subplots()
    colours = ["tab:red" if score >= limit else "tab:blue" for score in shown.values()]
    known = [score - kind.chance for score in shown.values()]
    axes.barh(list(shown)[::-1], known[::-1], left=kind.chance, color=colours[::-1])
    axes.axvline(limit, color="tab:red", linestyle="--", label=f"limit {limit:g}")
    axes.set(
        xlim=(kind.chance - 0.05, 1.01),
        xlabel=f"{kind.alone} of the feature alone ({kind.chance:g} = chance)",
        title="What each feature knows alone",
    )
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)
