from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.pipeline import quarantine, schema, trust
from {{ cookiecutter.package_name }}.pipeline.schema import Schema
from {{ cookiecutter.package_name }}.warehouse import connect

SCHEMA = """
time: day
columns:
  id:      {type: integer, unique: true}
  day:     {type: timestamp, max: 2024-12-31}
  colour:  {type: text, nullable: true, values: [red, blue]}
  code:    {type: text, nullable: true, pattern: '^[A-Z]{2}$'}
  low:     {type: number, nullable: true, min: 0}
  high:    {type: number, nullable: true}
  country: {type: text, nullable: true, references: countries.code}
rules:
  low_is_below_high: low <= high
"""
GOOD = {"id": 1, "day": "2024-01-01", "colour": "red", "code": "AB", "low": 1.0, "high": 2.0, "country": "FR"}


def trusted(
    smoke: Config, layout: Layout, *rows: dict[str, object], key: tuple[str, ...] = ()
) -> tuple[dict[str, int], pd.DataFrame, list[tuple[str, str, str | None]]]:
    """Counts, good rows, and (column, rule, value) of each failure."""
    contract = Schema.model_validate(yaml.safe_load(SCHEMA))
    folder = layout.root / "formatted"
    folder.mkdir()
    frame = pd.DataFrame([{**GOOD, **row} for row in rows]).assign(_source="s", _landing="l", _file="f", _row=1)
    frame.assign(day=pd.to_datetime(frame["day"])).to_parquet(folder / "t.parquet")
    good, bad = layout.root / "good.parquet", layout.root / "bad.parquet"
    with connect(smoke.engine, layout) as connection:
        connection.execute("create view countries as select 'FR' as code")
        counts = trust.trust_table(connection, folder, good, bad, contract, key, "t")
    failures = [failure for row in pd.read_parquet(bad)["_failures"] for failure in row]
    return counts, pd.read_parquet(good), [(one["column"], one["rule"], one["value"]) for one in failures]


def test_a_row_that_keeps_every_rule_is_trusted(smoke: Config, project: Layout) -> None:
    missing = {"id": 2, "colour": None, "code": None, "low": None, "country": None}
    counts, good, failures = trusted(smoke, project, {}, missing)
    assert counts == {"rows_in": 2, "duplicates": 0, "quarantined": 0, "rows_out": 2}
    assert good["id"].tolist() == [1, 2]
    assert failures == []


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        ({"day": None}, ("day", "not null", None)),
        ({"day": "2025-01-01"}, ("day", "max 2024-12-31", "2025-01-01 00:00:00")),
        ({"colour": "green"}, ("colour", "values", "green")),
        ({"code": "abc"}, ("code", "pattern ^[A-Z]{2}$", "abc")),
        ({"low": -1.0}, ("low", "min 0", "-1.0")),
        ({"country": "XX"}, ("country", "references countries.code", "XX")),
        ({"low": 3.0}, ("", "low_is_below_high", None)),
    ],
)
def test_a_broken_rule_sends_the_row_to_quarantine(
    change: dict[str, object], failure: tuple[str, str, str | None], smoke: Config, project: Layout
) -> None:
    counts, _, failures = trusted(smoke, project, {}, {"id": 2, **change})
    assert (counts["rows_out"], counts["quarantined"]) == (1, 1)
    assert failures == [failure]


def test_all_failures_of_a_row_are_told(smoke: Config, project: Layout) -> None:
    *_, failures = trusted(smoke, project, {"colour": "green", "code": "abc", "low": -1.0})
    assert [column for column, *_ in failures] == ["colour", "code", "low"]


def test_the_first_of_two_rows_with_the_same_key_is_kept(smoke: Config, project: Layout) -> None:
    counts, good, _ = trusted(smoke, project, {}, {"colour": "blue"}, {"id": 2}, key=("id",))
    assert counts == {"rows_in": 3, "duplicates": 1, "quarantined": 0, "rows_out": 2}
    assert good["colour"].tolist() == ["red", "red"]


def test_a_value_that_must_be_unique_is_bad_the_second_time(smoke: Config, project: Layout) -> None:
    counts, _, failures = trusted(smoke, project, {}, {"colour": "blue"})
    assert counts["quarantined"] == 1
    assert failures == [("id", "unique", "1")]


def test_too_many_bad_rows_stop_the_pipeline_with_the_rules_that_broke() -> None:
    with pytest.raises(ProjectError, match=r"2 of 4 rows of table t .*\n +2 x low: min 0, such as '-1'\nLook there"):
        quarantine.check_share("t", 4, [quarantine.Broken("low: min 0", 2, "-1")], 2, 0.05, "Look there")


def test_a_rule_that_is_no_sql_is_named(smoke: Config, prepared: Layout, tmp_path: Path) -> None:
    contract = schema.read("penguins", prepared).model_copy(update={"rules": {"odd": "no_such_column > 1"}})
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    with (
        connect(smoke.engine, prepared) as connection,
        pytest.raises(ProjectError, match=r"penguins\.yaml: the rule `odd` cannot be run: .*no_such_column"),
    ):
        trust.trust_table(connection, prepared.formatted / "penguins", good, bad, contract, (), "penguins")


def test_a_typo_in_a_schema_is_named(project: Layout) -> None:
    project.schemas.mkdir()
    (project.schemas / "t.yaml").write_text("columns: {a: {typ: text}}", encoding="utf-8")
    with pytest.raises(ProjectError, match=r"t\.yaml has 2 wrong key"):
        schema.read("t", project)


def test_tables_come_after_those_they_refer_to() -> None:
    child = Schema.model_validate({"columns": {"a": {"type": "text", "references": "parent.a"}}})
    parent = Schema.model_validate({"columns": {"a": {"type": "text"}}})
    assert trust.parents_first({"child": child, "parent": parent}) == ["parent", "child"]
    with pytest.raises(ProjectError, match="lead to no table"):
        trust.parents_first({"child": child})


def test_the_quality_of_every_table_is_measured(prepared: Layout) -> None:
    quality = json.loads((prepared.results / "quality.json").read_text(encoding="utf-8"))["penguins"]
    assert quality["rows_out"] == 344
    assert quality["completeness"] == pytest.approx(1 - (4 * 2 + 11) / (344 * 8), abs=1e-6)
    assert quality["uniqueness"] == quality["validity"] == quality["consistency"] == 1
