from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from {{ cookiecutter.package_name }} import kinds
from {{ cookiecutter.package_name }}.config import ClassificationTask, Config, Split, Task
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.pipeline import exploit, features, leakage, split
from {{ cookiecutter.package_name }}.warehouse import connect, parquet

from ..conftest import CLASSIFY

TASK = ClassificationTask(kind="classification", view="t", target="y", key=("id",), time="at", group="who")


def view(layout: Layout, **columns: object) -> str:
    """A hundred rows with a key, a time that two rows share, ten groups and a target with two classes in three."""
    rows = pd.DataFrame(
        {
            "id": range(100),
            "at": pd.date_range("2024-01-01", periods=50).repeat(2),
            "who": [number % 10 for number in range(100)],
            "x": [number * 7 % 13 + 0.5 for number in range(100)],
            "y": ["rare" if number % 5 == 0 else "often" for number in range(100)],
        }
    ).assign(**columns)
    rows.to_parquet(layout.root / "t.parquet")
    return parquet(layout.root / "t.parquet")


def parts_of(
    smoke: Config, layout: Layout, method: str, task: Task = TASK, **columns: object
) -> dict[str, pd.DataFrame]:
    folder = layout.root / method
    folder.mkdir(exist_ok=True)
    settings = smoke.model_copy(
        update={"task": task, "split": Split.model_validate({"method": method, "validation": 0.2, "test": 0.2})}
    )
    with connect(smoke.engine, layout) as connection:
        view(layout, **columns)
        split.write_parts(connection, layout.root / "t.parquet", task, settings.split, 7, folder)
        split.check_leakage(connection, settings, folder)
    return {part: pd.read_parquet(folder / f"{part}.parquet") for part in split.PARTS}


@pytest.mark.parametrize("method", ["time", "random", "stratified", "group"])
def test_every_row_is_in_one_part_and_the_parts_have_their_share(method: str, smoke: Config, project: Layout) -> None:
    parts = parts_of(smoke, project, method)
    assert sorted(number for part in parts.values() for number in part["id"]) == list(range(100))
    assert [len(parts[name]) for name in split.PARTS] == pytest.approx([60, 20, 20], abs=2)
    again = parts_of(smoke, project, method)
    assert all(parts[name].equals(again[name]) for name in split.PARTS)


def test_by_time_no_part_reaches_into_the_next(smoke: Config, project: Layout) -> None:
    parts = parts_of(smoke, project, "time")
    assert parts["train"]["at"].max() < parts["validation"]["at"].min()
    assert parts["validation"]["at"].max() < parts["test"]["at"].min()


def test_by_group_no_group_is_in_two_parts(smoke: Config, project: Layout) -> None:
    found = [set(part["who"]) for part in parts_of(smoke, project, "group").values()]
    assert sum(map(len, found)) == 10


def test_stratified_parts_have_the_classes_in_the_same_shares(smoke: Config, project: Layout) -> None:
    for part in parts_of(smoke, project, "stratified").values():
        assert (part["y"] == "rare").mean() == pytest.approx(0.2, abs=0.01)


def test_a_part_that_reaches_into_the_next_is_a_leak(smoke: Config, project: Layout) -> None:
    for part in split.PARTS:
        pd.DataFrame({"at": pd.date_range("2024-01-01", periods=3)}).to_parquet(project.root / f"{part}.parquet")
    by_time = smoke.model_copy(update={"task": TASK, "split": Split(method="time", validation=0.2, test=0.2)})
    with connect(smoke.engine, project) as connection, pytest.raises(ProjectError, match="Leak: train reaches into"):
        split.check_leakage(connection, by_time, project.root)


def test_rows_without_a_target_are_in_no_part(smoke: Config, prepared: Layout) -> None:
    rows = [len(pd.read_parquet(prepared.splits / f"{part}.parquet")) for part in split.PARTS]
    assert sum(rows) == 344 - 11


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (range(100), "y is a number with 100 different values"),
        ([f"n{number}" for number in range(100)], "y has 100 different values in 100 rows"),
        ([None] * 100, "y is missing in every row"),
    ],
)
def test_a_target_that_does_not_fit_the_task_is_named(
    values: object, message: str, smoke: Config, project: Layout
) -> None:
    with pytest.raises(ProjectError, match=message):
        parts_of(smoke, project, "random", y=values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", "b"] * 50, "y is varchar, not a number"),
        ([7.5] * 100, "y is the same in every row of train"),
        ([float("inf"), *range(99)], "y is infinite or no number in train"),
    ],
)
def test_a_number_to_predict_must_be_one(values: list[object], message: str, smoke: Config, project: Layout) -> None:
    refused(smoke, project, "time", TASK.model_copy(update={"kind": "regression"}), message, values)


def test_one_class_and_a_class_that_a_part_lacks_are_named(smoke: Config, project: Layout) -> None:
    for values, message in (
        (["often"] * 100, "y is 'often' in every row: with one class"),
        (["rare", *["often"] * 99], r"has no row with y = rare \(1 in all\)"),
    ):
        refused(smoke, project, "random", TASK, message, values)


def refused(smoke: Config, layout: Layout, method: str, task: Task, message: str, values: object) -> None:
    """The target is refused, before the split or when its parts are looked at."""

    def split_and_check() -> None:
        parts_of(smoke, layout, method, task, y=values)
        with connect(smoke.engine, layout) as connection:
            kinds.of(task).check_parts(connection, split.relations(layout.root / method))

    with pytest.raises(ProjectError, match=message):
        split_and_check()


def test_columns_that_say_nothing_or_only_name_their_row_are_left_out(smoke: Config, project: Layout) -> None:
    odd = {"same": 1, "none": None, "number": range(100), "name": [f"n{number}" for number in range(100)]}
    with connect(smoke.engine, project) as connection:
        chosen, left_out = features.choose(connection, view(project, **odd), TASK)
    assert chosen == ["x"]
    assert {name: reason.split(" (")[0] for name, reason in left_out.items()} == {
        "id": "it looks like a number of the row",
        "at": "conf/task/ says so",
        "who": "conf/task/ says so",
        "same": "it has the same value in every row",
        "none": "it has no value at all",
        "number": "it looks like a number of the row",
        "name": "it names its row rather than describing it",
    }


def test_a_table_without_features_is_refused(smoke: Config, project: Layout) -> None:
    rows = view(project, x=1)
    with connect(smoke.engine, project) as connection, pytest.raises(ProjectError, match="No column of the view"):
        features.choose(connection, rows, TASK)


def test_features_that_know_the_answer_are_found(smoke: Config, project: Layout) -> None:
    view(project)
    rows = pd.read_parquet(project.root / "t.parquet")[["x", "y"]]
    rows["same"] = rows["y"].map({"rare": 1, "often": 0})
    rows["orders"] = rows["same"] * 100.0 + rows["x"]
    rows["nearly"] = rows["same"].where(rows.index % 17 != 0, 1 - rows["same"])
    scores = leakage.single_feature_scores(rows, "y", CLASSIFY, 7)
    found = leakage.find(rows, "y", CLASSIFY, scores, ["x"], 0.9)
    leaks = {leak.column: leak.reason for leak in found}
    assert "under another name" in leaks["same"]
    assert "it orders y" in leaks["orders"]
    assert "alone it predicts y with AUC of 0.9" in leaks["nearly"]
    assert leaks["x"] == "metadata.yaml says that it is known only afterwards"


def test_the_leakage_report_has_a_score_for_every_feature(prepared: Layout, smoke: Config) -> None:
    report = json.loads((prepared.results / "leakage" / "leakage.json").read_text(encoding="utf-8"))
    assert set(report["scores"]) == set(split.read_features(prepared))
    assert (prepared.results / "leakage" / "leakage.png").stat().st_size > 5000


def test_a_leak_stops_the_pipeline_where_that_is_wanted(prepared: Layout, smoke: Config) -> None:
    stop = smoke.leakage.model_copy(update={"max_score": 0.6, "action": "stop"})
    with pytest.raises(ProjectError, match=r"feature\(s\) leak the answer, so nothing is trained"):
        leakage.run(smoke.model_copy(update={"leakage": stop}), prepared)
    leakage.run(smoke, prepared)


def test_a_view_whose_key_repeats_is_refused(smoke: Config, project: Layout) -> None:
    rows = view(project, id=[number // 2 for number in range(100)])
    with connect(smoke.engine, project) as connection, pytest.raises(ProjectError, match=r"50 keys \(id\) are there"):
        exploit.check_view(connection, rows, TASK, ["id", "at", "who", "x", "y"])


def test_a_view_that_does_not_run_is_named(smoke: Config, project: Layout, tmp_path: Path) -> None:
    query = tmp_path / "broken.sql"
    query.write_text("select nothing from nowhere", encoding="utf-8")
    with (
        connect(smoke.engine, project) as connection,
        pytest.raises(ProjectError, match=r"broken\.sql does not run: .*nowhere"),
    ):
        exploit.materialise(connection, query, tmp_path / "out.parquet")
