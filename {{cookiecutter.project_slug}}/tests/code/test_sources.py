from __future__ import annotations

from pathlib import Path

import pytest

from {{ cookiecutter.package_name }} import sources
from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.layout import Layout


def test_the_first_ingest_lands_the_first_periods_and_the_tables_without_period(smoke: Config, project: Layout) -> None:
    landing = sources.ingest(smoke.source, project, further=False)
    assert landing is not None
    assert {path.name for path in landing.glob("flights-*")} == {"flights-2013-01.csv.gz", "flights-2013-02.csv.gz"}
    assert (landing / "planes.csv.gz").is_file()
    assert len(sources.landed_files(smoke.source, project)) == 2 * 2 + 3


def test_the_same_content_is_not_landed_twice(smoke: Config, project: Layout) -> None:
    sources.ingest(smoke.source, project, further=False)
    assert sources.ingest(smoke.source, project, further=False) is None


def test_next_lands_one_period_more(smoke: Config, project: Layout) -> None:
    sources.ingest(smoke.source, project, further=False)
    landing = sources.ingest(smoke.source, project, further=True)
    assert landing is not None
    assert {path.name for path in landing.glob("*.gz")} == {"flights-2013-03.csv.gz", "weather-2013-03.csv.gz"}
    assert sources.waiting_periods(smoke.source, project)[0] == "2013-04"


def test_a_copy_that_fails_leaves_nothing_behind(smoke: Config, project: Layout) -> None:
    gone = sources.RawFile("flights", Path("gone.csv.gz"), "2013-01")
    with pytest.raises(FileNotFoundError):
        sources.land(smoke.source, [gone], project)
    assert not list(project.landing.rglob("*.*"))


def test_a_source_without_files_is_named(smoke: Config, project: Layout) -> None:
    for path in (project.root / "data" / "bundled").glob("planes*"):
        path.unlink()
    with pytest.raises(ProjectError, match=r"No file .* matches 'planes.csv.gz' of table planes"):
        sources.ingest(smoke.source, project, further=False)
