"""The same work as the stages format, trust, exploit and split, written plainly in pandas with tuned types.

`bench_pandas.py <stage> <folder>` is run by tools/bench_data.py in the project's environment.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

WHOLE = ["year", "month", "day", "sched_dep_time", "sched_arr_time", "flight", "distance", "hour", "minute"]
HOLES = ["dep_time", "arr_time"]
NUMBERS = ["dep_delay", "arr_delay", "air_time"]
LABELS = ["carrier", "tailnum", "origin", "dest"]
KEY = ["time_hour", "origin", "carrier", "flight"]
TYPES = {
    **dict.fromkeys(WHOLE, "int32"),
    **dict.fromkeys(HOLES, "Int32"),
    **dict.fromkeys(NUMBERS, "float32"),
    **dict.fromkeys(LABELS, "category"),
}
RANGES = {
    "year": (2013, 2013), "month": (1, 12), "day": (1, 31), "dep_time": (1, 2400), "sched_dep_time": (0, 2359),
    "dep_delay": (-120, 2000), "arr_time": (1, 2400), "sched_arr_time": (0, 2359), "arr_delay": (-120, 2000),
    "flight": (1, None), "air_time": (0, 1200), "distance": (1, 6000), "hour": (0, 23), "minute": (0, 59),
}  # fmt: skip
VIEW = [
    "scheduled_departure", "origin", "carrier", "flight", "dest", "distance", "weekday", "hour", "departure_minute",
    "arrival_minute", "temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib",
    "manufacturer", "seats", "plane_age", "late",
]  # fmt: skip


def format_zone(folder: Path) -> None:
    files = sorted(folder.glob("landing/flights/*/flights-*.csv"))
    parts = []
    for file in files:
        part = pd.read_csv(file, dtype=TYPES, parse_dates=["time_hour"])
        part["_file"] = file.name
        part["_row"] = range(1, len(part) + 1)
        parts.append(part)
    rows = pd.concat(parts, ignore_index=True)
    for name in LABELS:
        rows[name] = rows[name].astype("category")
    rows["time_hour"] = rows["time_hour"].dt.tz_localize(None)
    rows.to_parquet(folder / "pandas-formatted.parquet", index=False)


def trust_zone(folder: Path) -> None:
    rows = pd.read_parquet(folder / "pandas-formatted.parquet")
    rows = rows.drop_duplicates(KEY)
    good = pd.Series(True, index=rows.index)
    for name, (low, high) in RANGES.items():
        good &= (rows[name] >= low).fillna(True)
        if high is not None:
            good &= (rows[name] <= high).fillna(True)
    good &= rows[[*KEY, "dest"]].notna().all(axis="columns")
    good &= rows["carrier"].isin(pd.read_parquet(folder / "trusted" / "airlines.parquet")["carrier"])
    good &= rows["origin"].isin(pd.read_parquet(folder / "trusted" / "airports.parquet")["faa"])
    good &= rows["dest"].astype(str).str.fullmatch("[A-Z]{3}")
    good &= rows["arr_delay"].isna() | rows["dep_delay"].notna()
    good &= rows["origin"].astype(str) != rows["dest"].astype(str)
    rows[~good].to_parquet(folder / "pandas-quarantine.parquet", index=False)
    rows[good].to_parquet(folder / "pandas-trusted.parquet", index=False)


def exploit_zone(folder: Path) -> None:
    rows = pd.read_parquet(folder / "pandas-trusted.parquet")
    weather = pd.read_parquet(folder / "trusted" / "weather.parquet")
    planes = pd.read_parquet(
        folder / "trusted" / "planes.parquet", columns=["tailnum", "manufacturer", "seats", "year"]
    )
    rows = rows[rows["arr_delay"].notna()]
    rows["origin"] = rows["origin"].astype("category")
    wanted = ["origin", "time_hour", "temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
    rows = rows.merge(weather[wanted], on=["origin", "time_hour"], how="left")
    rows = rows.merge(planes.rename(columns={"year": "built"}), on="tailnum", how="left")
    rows["scheduled_departure"] = rows["time_hour"] + pd.to_timedelta(rows["minute"], unit="min")
    rows["weekday"] = pd.to_datetime(rows[["year", "month", "day"]]).dt.dayofweek + 1
    rows["departure_minute"] = rows["sched_dep_time"] // 100 * 60 + rows["sched_dep_time"] % 100
    rows["arrival_minute"] = rows["sched_arr_time"] // 100 * 60 + rows["sched_arr_time"] % 100
    rows["plane_age"] = rows["year"] - rows["built"]
    rows["late"] = (rows["arr_delay"] > 15).map({True: "late", False: "on_time"}).astype("category")
    rows[VIEW].to_parquet(folder / "pandas-view.parquet", index=False)


def split_zone(folder: Path) -> None:
    rows = pd.read_parquet(folder / "pandas-view.parquet")
    when = rows["scheduled_departure"]
    last_train, last_validation = when.quantile([0.65, 0.8], interpolation="lower")
    parts = {
        "train": rows[when <= last_train],
        "validation": rows[(when > last_train) & (when <= last_validation)],
        "test": rows[when > last_validation],
    }
    for name, part in parts.items():
        part.to_parquet(folder / f"pandas-{name}.parquet", index=False)
    print(json.dumps({name: len(part) for name, part in parts.items()}))


if __name__ == "__main__":
    {"format": format_zone, "trust": trust_zone, "exploit": exploit_zone, "split": split_zone}[sys.argv[1]](
        Path(sys.argv[2])
    )
