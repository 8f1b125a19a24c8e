from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from {{ cookiecutter.package_name }} import landing, sources
from {{ cookiecutter.package_name }}.config import Config, FolderSource, SqlSource, Table
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.pipeline import ingest

FOLDER = FolderSource(
    kind="folder",
    path="raw",
    first_periods=2,
    tables={"sales": Table(files="sales-{period}.csv"), "shops": Table(files="shops.csv")},
)


@pytest.fixture
def raw(project: Layout) -> Path:
    """Three months of sales, and a table without months."""
    folder = project.root / "raw"
    folder.mkdir()
    for month in ("2024-01", "2024-02", "2024-03"):
        (folder / f"sales-{month}.csv").write_text(f"month,amount\n{month},1\n", encoding="utf-8")
    (folder / "shops.csv").write_text("shop\nnorth\n", encoding="utf-8")
    return folder


def names(landed: list[landing.Landed]) -> set[str]:
    return {entry.name for entry in landed}


def test_the_first_ingest_lands_the_first_periods_and_the_tables_without_period(project: Layout, raw: Path) -> None:
    ingest.ingest("shop", FOLDER, project)
    assert names(landing.landed_files("shop", project)) == {"sales-2024-01.csv", "sales-2024-02.csv", "shops.csv"}
    manifest = json.loads(next(project.landing.glob("shop/*/manifest.json")).read_text(encoding="utf-8"))
    assert manifest["files"][0]["bytes"] == (raw / "sales-2024-01.csv").stat().st_size
    assert len(manifest["files"][0]["sha256"]) == 64


def test_the_same_content_is_not_landed_twice(project: Layout, raw: Path) -> None:
    ingest.ingest("shop", FOLDER, project)
    (raw / "shops.csv").touch()
    ingest.ingest("shop", FOLDER, project)
    assert len(list(project.landing.glob("shop/*"))) == 1


def test_next_lands_one_period_more(project: Layout, raw: Path) -> None:
    ingest.ingest("shop", FOLDER, project)
    assert sources.waiting_periods({"shop": FOLDER}, project) == ["2024-03"]
    ingest.ingest("shop", FOLDER, project, further=True)
    assert "sales-2024-03.csv" in names(landing.landed_files("shop", project))
    assert sources.waiting_periods({"shop": FOLDER}, project) == []


def test_a_fetch_that_fails_leaves_nothing_behind(project: Layout, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "write_json", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(ProjectError, match="no space left"):
        ingest.ingest("shop", FOLDER, project)
    assert not [path for path in project.landing.rglob("*") if path.is_file()]
    assert not project.incoming.exists()


def test_a_source_without_files_is_named(project: Layout, raw: Path) -> None:
    (raw / "shops.csv").unlink()
    with pytest.raises(ProjectError, match=r"No file in raw matches 'shops.csv' of table shops"):
        ingest.ingest("shop", FOLDER, project)


def test_a_file_that_is_not_there_is_named(smoke: Config, project: Layout) -> None:
    (project.root / "penguins.csv").unlink()
    with pytest.raises(ProjectError, match=r"Source penguins: there is no file penguins\.csv"):
        ingest.ingest("penguins", smoke.sources["penguins"], project)


def test_a_database_gives_only_rows_above_the_last_watermark(project: Layout) -> None:
    path = project.root / "shop.sqlite"
    source = SqlSource(kind="sql", url=f"sqlite:///{path}", from_table="sales", watermark={"column": "id"})
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table sales (id integer, amount real)")
        for first, last in ((1, 3), (4, 5)):
            database.executemany("insert into sales values (?, 1.5)", [(number,) for number in range(first, last + 1)])
            database.commit()
            ingest.ingest("shop", source, project)
        ingest.ingest("shop", source, project)
    assert [(entry.rows, entry.watermark) for entry in landing.landed_files("shop", project)] == [(3, 3), (2, 5)]


def test_a_landing_can_be_moved_with_its_project(smoke: Config, project: Layout, tmp_path: Path) -> None:
    ingest.ingest("penguins", smoke.sources["penguins"], project)
    moved = Layout(Path(shutil.copytree(project.root, tmp_path / "elsewhere" / "project")))
    assert [path.name for path in landing.landed_paths("penguins", moved)] == ["penguins.csv"]
