"""Our search beside PyCaret's compare_models: same rows, models, folds and preparation, each in a process of its own.

`make bench-automl` after `make demo`: the flights of a whole year, 160,000 rows to train on (`ARGS=20000` for fewer).
Prints seconds, the model that was chosen and its AUC on the hold-out. compare_models runs with n_jobs=1: with its usual
-1 the processes for the folds and the threads of LightGBM hinder each other, and it took one to five times as long.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys

import make_flights
from bake import BUILD, bake, share_environment
from bench import quiet

PROJECT = BUILD / "bench-automl"
PYTHON = str(PROJECT / ".venv" / "bin" / "python")
ROWS = 160_000
SETTINGS = ["automl=balanced", "automl.budget_minutes=600", "automl.improve=[]"]
PREPARE = """
import sys
from flight_delays import compose, config
from flight_delays.layout import Layout
from flight_delays.pipeline import exploit, format, ingest, split, trust
layout = Layout()
layout.params.write_text(compose.composed(layout, sys.argv[1:]), encoding="utf-8")
settings = config.load(layout)
for name, source in settings.sources.items():
    ingest.ingest(name, source.model_copy(update={"first_periods": 12}), layout)
for stage in (format, trust, exploit, split):
    stage.run(settings, layout)
"""
COMMON = """
import json, sys, time
from sklearn.metrics import roc_auc_score
from flight_delays import config
from flight_delays.layout import Layout
from flight_delays.models import automl
from flight_delays.pipeline import split
layout = Layout()
settings = config.load(layout)
task, search = settings.task, settings.automl
train, validation, test = (split.read(settings, layout, part) for part in split.PARTS)
train = train.tail(int(sys.argv[1])).reset_index(drop=True)
def tell(name, seconds, probability):
    auc = roc_auc_score(test[task.target] == task.positive, probability)
    print(json.dumps({"model": name, "seconds": seconds, "auc": auc, "rows": len(train)}))
"""
OURS = """
from pycaret.classification import ClassificationExperiment  # imported before the clock starts, on both sides
began = time.monotonic()
model = automl.search(search, task, train, validation, settings.seed, method="time").model
seconds = time.monotonic() - began
tell(type(model.estimator).__name__, seconds, model.outputs(test.drop(columns=task.target))[:, -1])
"""
PEER = """
automl._without_log_file()
from pycaret.classification import ClassificationExperiment
train, validation = (
    part.assign(**{task.target: (part[task.target] == task.positive).astype(int)}) for part in (train, validation)
)
began = time.monotonic()
experiment = ClassificationExperiment()
experiment.setup(
    data=train, test_data=validation, target=task.target, index=False, session_id=settings.seed, html=False,
    fold=search.folds, fold_strategy="timeseries", data_split_shuffle=False, verbose=False, n_jobs=1, **search.setup,
)
best = experiment.compare_models(include=list(search.candidates(task.kind)), sort="AUC", verbose=False)
final = experiment.finalize_model(best)
seconds = time.monotonic() - began
answers = experiment.predict_model(final, data=test.drop(columns=task.target), raw_score=True, verbose=False)
tell(type(best).__name__, seconds, answers["prediction_score_1"])
"""


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    prepare()
    found = {}
    print(f"{'':<16} {'rows':>8} {'seconds':>8} {'AUC':>7}  chosen")
    for name, code in (("ours", OURS), ("compare_models", PEER)):
        done = subprocess.run(
            [PYTHON, "-c", COMMON + code, str(rows)], cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True
        )
        found[name] = one = json.loads(done.stdout.splitlines()[-1])
        print(f"{name:<16} {one['rows']:>8,} {one['seconds']:>8.1f} {one['auc']:>7.4f}  {one['model']}", flush=True)
    ours, peer = found["ours"], found["compare_models"]
    print(f"{peer['seconds'] / ours['seconds']:.1f} times faster, AUC {ours['auc'] - peer['auc']:+.4f}")
    shutil.rmtree(PROJECT)


def prepare() -> None:
    """A project with all flights of 2013, split by time."""
    shutil.rmtree(PROJECT, ignore_errors=True)
    with quiet():
        bake(BUILD, project_slug=PROJECT.name, package_name="flight_delays")
    share_environment(PROJECT)
    flights = make_flights.read("flights")
    for month, rows in flights.groupby("month"):
        path = PROJECT / "data" / "bundled" / f"flights-2013-{int(month):02}.csv.gz"
        path.write_bytes(gzip.compress(rows.to_csv(index=False).encode(), compresslevel=1))
    subprocess.run([PYTHON, "-c", PREPARE, *SETTINGS], cwd=PROJECT, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
