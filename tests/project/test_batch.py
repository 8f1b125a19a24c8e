"""A million flights scored on each engine: a process, a Dask cluster of two and Spark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..conftest import BakedProject
from .conftest import required

MILLION = """
import pathlib, duckdb
pathlib.Path("data/batch").mkdir(exist_ok=True)
duckdb.execute("set enable_progress_bar = false")
flights = "from 'data/exploitation/departures.parquet', range(75) t(copy) select * exclude (late, delay, delay_kind)"
print(duckdb.execute(f"copy ({flights}) to 'data/batch/million.parquet' (format parquet)").fetchone()[0])
"""
SAME = """
import sys, duckdb
first, second = (f"from 'data/batch/{name}/part-*.parquet'" for name in sys.argv[1:])
print(duckdb.execute(f"select count(*) from ({first} except all {second})").fetchone()[0])
"""


@pytest.fixture(scope="module")
def local(deployed: BakedProject) -> int:
    """The number of rows, scored by the engine `local`."""
    rows = int(deployed.python(MILLION).splitlines()[-1])
    assert f"{rows:,} rows scored by version 1, 0 rejected" in deployed.make(
        "batch", "INPUT=data/batch/million.parquet", "OUTPUT=data/batch/local"
    )
    return rows


@pytest.mark.parametrize("engine", ["dask", "spark"])
def test_every_engine_gives_the_same_answers(deployed: BakedProject, local: int, engine: str) -> None:
    if engine == "spark":
        required("java", "default-jre-headless")
    target = f"data/batch/{engine}"
    told = deployed.make("batch", "INPUT=data/batch/million.parquet", f"OUTPUT={target}", f"ENGINE={engine}")
    assert f"{local:,} rows scored by version 1, 0 rejected" in told
    manifest = json.loads(deployed.text(f"{target}/manifest.json"))
    assert (manifest["rows"], manifest["engine"]) == (local, engine)
    assert len(manifest["parts"]) > 2
    same = deployed.run(".venv/bin/python", "-c", SAME, "local", engine)
    assert same.splitlines()[-1] == "0"


def test_the_answers_are_in_the_warehouse(deployed: BakedProject, local: int) -> None:
    question = "select count(*) as n from batch.local"
    told = deployed.run(".venv/bin/python", "-m", "late_planes", "sql", "--csv", question)
    assert told == f"n\n{local}\n"


def test_a_run_that_was_killed_goes_on(deployed: BakedProject, local: int) -> None:
    parts = sorted(Path(deployed.root, "data/batch/local").glob("part-*.parquet"))
    parts[1].unlink()
    told = deployed.make("batch", "INPUT=data/batch/million.parquet", "OUTPUT=data/batch/local")
    assert f"{len(parts) - 1} of {len(parts)} parts were there already" in told
