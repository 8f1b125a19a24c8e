from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from {{ cookiecutter.package_name }} import sources
from {{ cookiecutter.package_name }}.config import Config, Split
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.pipeline import contracts, exploit, format, split, trust

TYPES = {"carrier": "VARCHAR", "delay": "BIGINT", "at": "TIMESTAMP"}


def formatted(tmp_path: Path, *lines: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A CSV of `lines` through the format step: what is kept, what goes to quarantine."""
    raw = tmp_path / "raw.csv"
    raw.write_text("\n".join(lines) + "\n", encoding="utf-8")
    format.format_table([raw], TYPES, tmp_path / "kept.parquet", tmp_path / "quarantine.parquet")
    return pd.read_parquet(tmp_path / "kept.parquet"), pd.read_parquet(tmp_path / "quarantine.parquet")


def test_format_types_every_column_and_keeps_where_a_row_came_from(tmp_path: Path) -> None:
    kept, rejected = formatted(tmp_path, "carrier,delay,at", "UA,12,2013-01-01T10:00:00Z", "NA,,2013-01-02T10:00:00Z")
    assert rejected.empty
    assert kept["delay"].tolist()[0] == 12
    assert kept["delay"].isna().tolist() == [False, True]
    assert kept["carrier"].tolist() == ["UA", None]
    assert kept["at"].dt.hour.tolist() == [10, 10]
    assert kept["_row"].tolist() == [1, 2]
    assert kept["_file"].unique().tolist() == ["raw.csv"]


def test_a_value_of_the_wrong_type_sends_its_row_to_quarantine_with_the_reason(tmp_path: Path) -> None:
    kept, rejected = formatted(tmp_path, "carrier,delay,at", "UA,12,2013-01-01", "AA,soon,2013-01-01")
    assert len(kept) == 1
    assert rejected["_reason"].tolist() == ["delay: soon is not BIGINT"]
    assert rejected["_row"].tolist() == [2]


def test_a_file_without_a_column_is_named_with_the_column(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"raw\.csv has no column delay\. It has carrier, at\."):
        formatted(tmp_path, "carrier,at", "UA,2013-01-01")


def test_an_empty_table_stops_the_pipeline(smoke: Config, project: Layout) -> None:
    empty = project.root / "data" / "bundled" / "airlines.csv.gz"
    empty.write_bytes(gzip.compress(b"carrier,name\n"))
    sources.ingest(smoke.source, project, further=False)
    with pytest.raises(ProjectError, match=r"Table airlines is empty"):
        format.run(smoke, project)
    assert not project.formatted.exists()


def test_a_row_that_breaks_the_schema_goes_to_quarantine_with_its_reason(project: Layout) -> None:
    contract = contracts.schema("airlines", project)
    rows = pd.DataFrame({"carrier": ["UA", "United", None], "name": ["United", "United", "Nobody"]})
    good, bad = trust.validate(rows, contract)
    assert good["carrier"].tolist() == ["UA"]
    assert bad["_reason"].tolist() == ["carrier: str_length(2, 2), got United", "carrier: not_nullable, got None"]


def test_an_unknown_category_goes_to_quarantine_with_its_value(prepared: Layout) -> None:
    rows = pd.read_parquet(prepared.formatted / "weather.parquet").head(3)
    rows.loc[1, "origin"] = "XXX"
    good, bad = trust.validate(rows, contracts.schema("weather", prepared))
    assert len(good) == 2
    assert bad["_reason"].tolist() == ["origin: isin(['EWR', 'JFK', 'LGA']), got XXX"]


def test_too_many_bad_rows_stop_the_pipeline_with_the_rules_that_broke() -> None:
    bad = pd.DataFrame({"_reason": ["delay: in_range(0, 9), got 10", "delay: in_range(0, 9), got 11"]})
    with pytest.raises(ProjectError, match=r"2 of 4 rows of table t .*\n +2 x delay: in_range\(0, 9\)"):
        trust.check_share("t", pd.DataFrame({"delay": [1, 2]}), bad, 0.05)


def test_the_first_of_two_rows_with_the_same_key_is_kept() -> None:
    rows = pd.DataFrame({"key": [1, 1, 2], "value": ["first", "second", "third"]})
    assert trust.drop_duplicates(rows, ["key"])["value"].tolist() == ["first", "third"]


def test_the_view_has_one_row_a_flight_that_arrived_and_no_column_from_the_future(prepared: Layout) -> None:
    view = pd.read_parquet(prepared.exploitation / "late_flights.parquet")
    trusted = pd.read_parquet(prepared.trusted / "flights.parquet")
    assert len(view) == trusted["arr_delay"].notna().sum()
    assert not {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"} & set(view)


def test_a_view_that_does_not_run_is_named(prepared: Layout, tmp_path: Path) -> None:
    query = tmp_path / "broken.sql"
    query.write_text("select nothing from nowhere", encoding="utf-8")
    with pytest.raises(ProjectError, match=r"broken\.sql does not run: .*nowhere"):
        exploit.materialise(query, prepared.trusted, tmp_path / "out.parquet")


def test_splits_follow_time_and_keep_rows_of_one_time_together() -> None:
    days = pd.date_range("2013-01-01", periods=50).repeat(2)
    parts = split.split_by_time(pd.DataFrame({"at": days}), "at", Split(validation=0.2, test=0.2))
    assert [len(parts[name]) for name in split.PARTS] == [60, 20, 20]
    split.check_leakage(parts, "at")


def test_a_part_that_reaches_into_the_next_is_a_leak() -> None:
    part = pd.DataFrame({"at": pd.date_range("2013-01-01", periods=3)})
    with pytest.raises(ProjectError, match="Leak: train reaches into the time of validation"):
        split.check_leakage({"train": part, "validation": part, "test": part}, "at")
