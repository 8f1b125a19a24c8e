"""What monitoring finds of each fault in the demo project's flights, how soon, by which check, and how often wrongly.

For each seed a month of production is drawn from one half of the flights that the model was tested on, two windows as
they are and three with the fault, and judged window by window against the other half, as `make monitor` does.
Writes docs/detections.md. Run `make demo` first.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from statistics import median
from typing import Any

from bake import DEMO, TEMPLATE
from demo import environment

SEEDS, FAULTS = (
    20,
    {
        "none": "nothing is wrong",
        "broken_sensor:wind_speed": "a sensor sends one value",
        "silent_sensor:wind_speed": "four values in five of a sensor are missing",
        "changed_unit:wind_speed": "knots become km/h",
        "new_category:carrier": "one flight in five is of a new airline",
        "flipped_labels": "late is told as on time, on time as late",
        "missing_labels": "four truths in five never come",
    },
)
HEAD = """# What is found of what goes wrong

Made by `make detections`: {seeds} months for each fault, each two windows of 1,000 predictions without and three
with the fault, drawn from one half of the flights that the model was tested on and judged after every window
against the other, by the settings of `conf/monitoring/`. What was alerted to before the fault began does not count.
After: windows from the begin of the fault on, the median of the months in which something was found. A false alarm
is whatever is alerted to in a month in which nothing is wrong. Real months differ from the weeks before them, which
is drift, and true: [monitoring.md](monitoring.md) shows what is alerted to from July to December.

| fault | what is wrong | found | after | by, in how many months |
|---|---|---|---|---|"""
JUDGE = """
import json, sys
import numpy as np
import pandas as pd
from pathlib import Path
from datetime import datetime, timezone
from flight_delays import config
from flight_delays.layout import Layout
from flight_delays.models import bundle
from flight_delays.models.bundle import ACTUAL, REFERENCE, SCORE
from flight_delays.monitoring import watch, windows
from flight_delays.monitoring.store import first_id, prediction_id
from flight_delays.monitoring.windows import Window
from flight_delays.retraining import faults
from flight_delays.retraining.faults import Production

seeds, names = int(sys.argv[1]), sys.argv[2:]
layout = Layout()
settings = config.load(layout)
folder = layout.deploy / "bundles" / "1"
model = bundle.load(folder)
tested = pd.read_parquet(folder / REFERENCE).sample(frac=1, random_state=settings.seed)
half = len(tested) // 2
reference = windows.reference_of(model, tested[:half])
rows, truth = tested[half:].drop(columns=[SCORE, ACTUAL]), tested[half:][ACTUAL]
size, clean, struck = settings.monitoring.window, 2, 3

def window(fault, seed, place):
    random = np.random.default_rng([seed, place])
    drawn = random.integers(0, len(rows), size)
    production = Production(rows.iloc[drawn].reset_index(drop=True), truth.iloc[drawn].reset_index(drop=True))
    if fault != "none" and place >= clean:
        production = faults.of(fault, model.schema).strike(production, model.schema, random)
    frame = production.rows.assign(**{SCORE: 0.0, ACTUAL: production.truth.astype(object)})
    made = windows.reference_of(model, frame)
    start = first_id(datetime(2013, 7, 1 + place, tzinfo=timezone.utc))
    ids = [prediction_id(f"{start}{row:016x}", 0) for row in range(size)]
    return Window(ids, "1", made.rows.assign(**{SCORE: made.outputs[:, -1]}), made.outputs)

judge = watch.Judge(settings, model, reference)
for fault in names:
    for seed in range(seeds):
        seen = [window(fault, seed, place) for place in range(clean + struck)]
        known, found = {}, []
        for upto in range(clean, len(seen) + 1):
            judged = judge.judge(seen[:upto], known)
            known = {
                (one.ids[0], int(one.known.sum())): performance
                for one, performance in zip(seen, judged.performances)
            }
            found.append(sorted({one.key for one in judged.findings}))
        print(json.dumps({"fault": fault, "seed": seed, "found": found}), flush=True)
"""


def main() -> None:
    command = [".venv/bin/python", "-c", JUDGE, str(SEEDS), *FAULTS]
    done = subprocess.Popen(command, cwd=DEMO, env=environment(), stdout=subprocess.PIPE, text=True)
    assert done.stdout
    months = []
    for line in done.stdout:
        months.append(json.loads(line))
        print(f"\rdetections: {len(months)} of {SEEDS * len(FAULTS)}", end="", file=sys.stderr, flush=True)
    if done.wait():
        sys.exit("detections: the judging failed, the reason is above; run `make demo` first.")
    page = TEMPLATE / "docs" / "detections.md"
    page.write_text(table(months), encoding="utf-8")
    print(f"\n{page.relative_to(TEMPLATE)}")


def table(months: list[dict[str, Any]]) -> str:
    lines = [HEAD.format(seeds=SEEDS)]
    for fault, meaning in FAULTS.items():
        mine = [new_in(month) for month in months if month["fault"] == fault]
        found = [one for one in mine if one]
        by = Counter(key for one in found for key in one)
        named = ", ".join(f"`{key}` {count}" for key, count in by.most_common(5)) or "–"
        after = f"{median(min(one.values()) for one in found):g} windows" if found else "–"
        told = "false alarms in" if fault == "none" else ""
        lines.append(
            f"| `{fault}` | {meaning} | {told} {len(found)} of {len(mine)} | {after} | {named} |".replace("|  ", "| ")
        )
    return "\n".join(lines) + "\n"


def new_in(month: dict[str, Any]) -> dict[str, int]:
    """Key of each alert that was not open when the fault began, and after how many windows it came."""
    before, *after = month["found"] if month["fault"] != "none" else ([], *month["found"])
    came: dict[str, int] = {}
    for place, found in enumerate(after, start=1):
        for key in found:
            if key not in before:
                came.setdefault(key, place)
    return came


if __name__ == "__main__":
    main()
