"""The data half on flights enlarged to millions of rows, beside the same work in pandas, in the same run.

`make bench-data` after `make demo`: seconds and peak memory of format, trust, exploit and split, each in a process of
its own, ours and pandas' in turn. `ARGS="1 10 30"` gives the sizes in millions of rows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bake import BUILD, DEMO, bake, share_environment
from bench import quiet

PROJECT = BUILD / "bench-data"
STAGES = ("format", "trust", "exploit", "split")
PYTHON = str(PROJECT / ".venv" / "bin" / "python")
ENLARGE = """
import duckdb, sys
from pathlib import Path
from flight_delays import landing
from flight_delays.layout import Layout

millions, bundled, layout = int(sys.argv[1]), Path(sys.argv[2]), Layout()
with landing.temporary("flights", layout) as folder, duckdb.connect() as connection:
    months = str(bundled / "flights-*.csv.gz")
    connection.execute("create table flights as from read_csv(?, all_varchar = true)", [months])
    (rows,) = connection.execute("select count(*) from flights").fetchone()
    times = 1_000_000 // rows + 1
    fetched = []
    for million in range(millions):
        path = folder / f"flights-{million:03}.csv"
        # a flight number of its own for each copy, but one row in a thousand comes twice;
        # one in ten thousand has an impossible distance
        number = f"flight::int + if(n % 1000 = 0, 0, 10000 * (copy + {million * times}))"
        distance = "if(n % 10000 = 7, '-1', distance)"
        copies = f"select f.*, copy, row_number() over () as n from flights as f, range({times}) as r (copy)"
        connection.execute(
            f"copy (select * exclude (n, copy) replace ({number} as flight, {distance} as distance) "
            f"from ({copies}) limit 1000000) to '{path}'"
        )
        fetched.append(landing.Fetched(path, "flights", path.name))
    for table in ("weather", "planes", "airports", "airlines"):
        for source in sorted(bundled.glob(f"{table}*.csv.gz")):
            copy = folder / source.name
            copy.write_bytes(source.read_bytes())
            fetched.append(landing.Fetched(copy, table, source.name))
    landing.land("flights", fetched, layout)
"""


def main() -> None:
    if not (DEMO / "data" / "bundled").is_dir():
        sys.exit("bench-data: there is no build/flight-delays: run `make demo` first.")
    sizes = [int(size) for size in sys.argv[1:]] or [1, 10, 30]
    heads = ("ours s", "pandas", "ratio", "ours MB", "pandas", "ratio")
    print(f"{'million':>8} {'stage':<8} " + " ".join(f"{head:>8}" for head in heads))
    for size in sizes:
        prepare(size)
        total = [0.0, 0.0]
        peak = [0.0, 0.0]
        for stage in STAGES:
            ours = measured([PYTHON, "-m", "flight_delays", stage])
            theirs = measured([PYTHON, str(Path(__file__).with_name("bench_pandas.py")), stage, str(PROJECT / "data")])
            line(size, stage, ours, theirs)
            total = [total[0] + ours[0], total[1] + theirs[0]]
            peak = [max(peak[0], ours[1]), max(peak[1], theirs[1])]
        line(size, "all", (total[0], peak[0]), (total[1], peak[1]))
    shutil.rmtree(PROJECT)


def prepare(millions: int) -> None:
    """A project with `millions` of flights in its landing zone."""
    shutil.rmtree(PROJECT, ignore_errors=True)
    with quiet():
        bake(BUILD, project_slug=PROJECT.name, package_name="flight_delays")
    share_environment(PROJECT)
    subprocess.run([PYTHON, "-c", ENLARGE, str(millions), str(DEMO / "data" / "bundled")], cwd=PROJECT, check=True)


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds and peak resident megabytes of a command."""
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, env=usual)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"bench-data: {' '.join(command)} failed; the reason is above.")
    return time.monotonic() - began, usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def line(size: int, stage: str, ours: tuple[float, float], theirs: tuple[float, float]) -> None:
    print(
        f"{size:>8} {stage:<8} {ours[0]:>8.1f} {theirs[0]:>8.1f} {theirs[0] / ours[0]:>7.1f}x "
        f"{ours[1]:>8.0f} {theirs[1]:>8.0f} {theirs[1] / ours[1]:>7.1f}x",
        flush=True,
    )


if __name__ == "__main__":
    main()
