from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from flask.testing import FlaskClient

from {{ cookiecutter.package_name }} import batch, config
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.pipeline.export import as_rows

from ..conftest import PENGUINS


@pytest.fixture
def table() -> pd.DataFrame:
    """The penguins, with a column that the model does not take."""
    found = pd.read_csv(PENGUINS / "penguins.csv")
    return found.drop(columns="sex").assign(number=range(1, len(found) + 1))


def test_a_table_is_answered_as_by_the_api(
    table: pd.DataFrame, client: FlaskClient, deployed: Layout, tmp_path: Path
) -> None:
    table.to_csv(tmp_path / "table.csv", index=False)
    table.to_parquet(tmp_path / "table.parquet")
    names = list(client.get("/v1/model").get_json()["schema"]["example"])
    asked = client.post("/v1/predict", json={"rows": as_rows(table[names])}).get_json()["predictions"]
    for name in ("table.csv", "table.parquet"):
        told = answers(run(deployed, tmp_path / name, tmp_path / name.replace(".", "-")))
        assert told["label"].tolist() == [one["label"] for one in asked]
        assert told["probabilities"].tolist() == [one["probabilities"] for one in asked]
        assert told["number"].astype(int).tolist() == told["_row"].tolist() == table["number"].tolist()


def test_rows_that_are_wrong_are_rejected_with_the_reasons(
    table: pd.DataFrame, deployed: Layout, tmp_path: Path
) -> None:
    changed = table.astype({"year": object, "bill_length_mm": object})
    changed.loc[3, "year"], changed.loc[5, ["year", "bill_length_mm"]] = 2007.5, ["far", "1e30"]
    changed.to_csv(tmp_path / "table.csv", index=False)
    manifest = run(deployed, tmp_path / "table.csv", tmp_path / "out")
    assert (manifest["rows"], manifest["rejected"]) == (len(table) - 2, 2)
    assert manifest["reasons"] == {
        "bill_length_mm: too large": 1,
        "year: no number": 1,
        "year: no whole number": 1,
    }
    rejected = duckdb.sql(f"select * from '{tmp_path}/out/rejected/*.parquet'").df()
    assert rejected["_row"].tolist() == [4, 6]
    assert rejected["year"].tolist() == ["2007.5", "far"]


def test_what_is_done_is_not_done_again(
    table: pd.DataFrame, deployed: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "many").mkdir()
    for name in ("a", "b"):
        table.to_parquet(tmp_path / "many" / f"{name}.parquet")
    run(deployed, tmp_path / "many", tmp_path / "out")
    table.head(7).to_parquet(tmp_path / "many" / "b.parquet")
    manifest = run(deployed, tmp_path / "many", tmp_path / "out")
    assert "1 of 2 parts were there already" in capsys.readouterr().out
    assert manifest["rows"] == len(table) + 7
    assert len(answers(manifest)) == len(table) + 7


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "specie,island\nAdelie,Dream\n", r"lacks columns of the model: .*species \(is it specie\?\)"),
        ("a.parquet", "no table", "cannot be read as Parquet"),
        ("a.txt", "", "no .csv, .csv.gz or .parquet file"),
    ],
)
def test_a_table_that_is_none_is_named(deployed: Layout, tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ProjectError, match=message):
        run(deployed, tmp_path / name, tmp_path / "out")


def run(layout: Layout, source: Path, target: Path) -> dict[str, Any]:
    written = batch.run(config.load(layout), layout, source, target)
    manifest: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
    return {**manifest, "folder": target}


def answers(manifest: dict[str, Any]) -> pd.DataFrame:
    """What was written, in the order of the rows."""
    return duckdb.sql(f"select * from '{manifest['folder']}/part-*.parquet' order by _file, _row").df()
