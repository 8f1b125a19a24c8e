from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).parents[2]
CARD = yaml.safe_load((ROOT / "metadata.yaml").read_text(encoding="utf-8"))
BUNDLED = ROOT / "data" / "bundled"


@pytest.mark.parametrize("table", CARD["tables"])
def test_every_file_has_the_columns_of_the_card(table: str) -> None:
    files = sorted(BUNDLED.glob(f"{table}*.csv.gz"))
    assert files
    for file in files:
        assert list(pd.read_csv(file, nrows=0)) == list(CARD["tables"][table]), file.name


def test_every_month_of_the_year_is_there_with_its_weather() -> None:
    months = [f"2013-{month:02}" for month in range(1, 13)]
    for table in ("flights", "weather"):
        assert [path.name[len(table) + 1 :][:7] for path in sorted(BUNDLED.glob(f"{table}-*.gz"))] == months


def test_the_share_of_late_flights_moves_over_the_year_as_it_did() -> None:
    flights = pd.concat(pd.read_csv(path) for path in sorted(BUNDLED.glob("flights-*.gz")))
    late = (
        (flights["arr_delay"] > 15).where(flights["arr_delay"].notna()).astype(float).groupby(flights["month"]).mean()
    )
    assert late.idxmin() in (9, 10, 11)
    assert late[9] < 0.18 < 0.25 < late[6]
