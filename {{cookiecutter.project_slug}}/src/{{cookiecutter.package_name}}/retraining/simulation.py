"""The next months replayed as production: asked of the live API, their truth told late, then a round of `make retrain`.

What was sent is kept by month, so that a replay that was killed goes on where it was and asks nothing twice.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .. import deployment, kinds, landing
from ..config import Config, FolderSource
from ..errors import EmptyTableError, ProjectError
from ..governance import read_lines
from ..kinds.supervised import Supervised
from ..layout import PACKAGE, Layout, read_json, replacing, write_json
from ..locks import exclusive
from ..models import answers, bundle
from ..models.bundle import Bundle, Schema
from ..monitoring import drift
from ..monitoring.store import PredictionLog, first_id
from ..pipeline import exploit, format, trust
from ..pipeline.export import as_columns, as_rows
from ..progress import progress
from ..resampling import interval, resamples
from ..serving import client
from ..sources import files, waiting_periods
from . import faults, loop, replay_page
from .faults import POISONED, Fault, Production

BATCH = 500
START_SECONDS = 60
LATE = 0.2
"""The share of the truths that comes a month after the others."""


@dataclass(frozen=True)
class Month:
    """One line of the timeline: what the live model and the frozen one were worth, and what the round decided."""

    month: str
    rows: int
    version: str
    live: float | None
    frozen: float | None
    drifted: str
    alerts: str
    retrained: str
    version_after: str
    challenger: str
    seconds: float


@dataclass(frozen=True)
class Story:
    """What is kept of a replay: its first version is the frozen champion, with which all are compared."""

    frozen: str
    months: list[Month]


def run(
    config: Config,
    layout: Layout,
    months: int,
    *,
    wrong: Sequence[str] = (),
    speed: float | None = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """The timeline, a row a month. Also results/simulation.csv and results/simulation/.

    `wrong` are faults (retraining/faults.py), `speed` rows a second, None: as many as the API can.
    """
    kind = kinds.of(config.task)
    if not isinstance(kind, Supervised):
        raise ProjectError(
            "simulate replays rows that are answered one by one and whose truth comes later; task.kind is "
            f"{config.task.kind}. Choose a task of classification or regression in conf/config.yaml."
        )
    with exclusive("simulate", layout):
        story = begun(layout)
        frozen = bundle.load(layout.simulation / "frozen")
        struck = [faults.of(text, frozen.schema) for text in wrong]
        random = np.random.default_rng(config.seed if seed is None else seed)
        periods = waiting(config, layout)[:months]
        if not periods:
            raise ProjectError(
                "No month is left to replay: a source of kind folder with {period} in its files brings them "
                "(conf/source/)."
            )
        with live_api(layout) as url:
            for place, period in enumerate(periods, start=1):
                print(f"\nsimulate  {period}, month {place} of {len(periods)}", flush=True)
                story.months.append(live(config, layout, period, url, frozen, struck, speed, random))
                write_json(layout.simulation / "story.json", asdict(story))
        return told(config, layout, story, frozen)


def begun(layout: Layout) -> Story:
    """The replay that was begun, or a new one whose frozen champion is the model that is deployed now."""
    current = deployment.required(layout)
    if (layout.simulation / "story.json").is_file():
        kept = read_json(layout.simulation / "story.json")
        return Story(kept["frozen"], [Month(**month) for month in kept["months"]])
    with replacing(layout.simulation) as folder:
        folder.mkdir()
        shutil.copytree(layout.deploy / current.champion.bundle, folder / "frozen")
        story = Story(current.champion.version, [])
        write_json(folder / "story.json", asdict(story))
    return story


def waiting(config: Config, layout: Layout) -> list[str]:
    """The periods to replay: those not landed yet, and one that was landed when the replay of it was interrupted."""
    done = {month["month"] for month in read_json(layout.simulation / "story.json")["months"]}
    asked = {path.stem for path in layout.simulation.glob("*.jsonl")}
    return sorted({*waiting_periods(config.sources, layout), *asked} - done)


def live(
    config: Config,
    layout: Layout,
    period: str,
    url: str,
    frozen: Bundle,
    struck: Sequence[Fault],
    speed: float | None,
    random: np.random.Generator,
) -> Month:
    """One month: predictions, truths, and a round of monitoring and retraining."""
    began, kind, schema = time.monotonic(), kinds.of(config.task), frozen.schema
    rows = production_rows(config, layout, period)
    actual = labels(rows[str(config.task.target)], schema)
    production = Production(rows[[column.name for column in schema.columns]], actual)
    for fault in struck:
        if fault.name != POISONED:
            production = fault.strike(production, schema, random)
    sent = ask(config, layout, period, url, as_rows(production.rows), speed)
    tell(config, url, layout, period, sent, production.truth, random)
    given, known = answers.of(schema.kind), actual.notna().to_numpy()
    version = sent[-1]["version"] if sent else deployment.required(layout).champion.version
    outputs = np.array([given.outputs(schema, row) for one in sent for row in one["answers"]])
    scores: list[float | None] = [None, None]
    if known.any():
        truth = actual[known].to_numpy(str if schema.classes else float)
        both = {"live": outputs[known], "frozen": frozen.outputs(as_columns(production.rows[known]))}
        with replacing(layout.simulation / f"{period}.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, actual=truth, **both)
        scores = [round(kind.score(truth.astype(object), one, schema.classes), 4) for one in both.values()]
    told = "whose truth nobody knows" if scores[0] is None else f"{kind.measure} {scores[0]} once the truth was known"
    print(
        f"predict   {len(rows):,} rows answered by version {version}, {told}; frozen champion {scores[1]}", flush=True
    )
    poisoned = any(fault.name == POISONED for fault in struck)
    with poisoned_sources(config, layout, period, random) if poisoned else contextlib.nullcontext(config) as sources:
        done = loop.run(sources, layout)
    return Month(
        period,
        len(rows),
        version,
        scores[0],
        scores[1],
        drift.shown(done.watched.judged.drift.drifted),
        ", ".join(one.finding.key for one in done.watched.alerts) or "none",
        "failed" if done.failed else "yes" if done.decision.retrain else "no",
        done.deployed,
        done.challenger or "none",
        round(time.monotonic() - began, 1),
    )


def ask(
    config: Config, layout: Layout, period: str, url: str, rows: list[dict[str, Any]], speed: float | None
) -> list[dict[str, Any]]:
    """Send a month through the API; for each request its prediction ids, answers and version, in the order of `rows`.

    Each is a line in a file as soon as it is answered. One that was answered and not noted, by a replay that was killed
    in between, is found in the prediction log.
    """
    kept = layout.simulation / f"{period}.jsonl"
    sent, size = read_lines(kept), min(BATCH, config.serving.max_rows)
    done, interrupted = sum(len(one["ids"]) for one in sent), kept.is_file()
    if done:
        print(f"predict   {done:,} rows were answered before, going on", flush=True)
    with kept.open("a", encoding="utf-8") as file, progress("predict", len(rows)) as bar:
        bar.update(done)
        for start in range(done, len(rows), size):
            asked, began = rows[start : start + size], time.monotonic()
            one = _unnoted(config, layout, kept, asked) if interrupted and start == done else None
            if one is None:
                answer = client.predict(url, asked)
                found = answer["predictions"]
                one = {
                    "version": answer["model_version"],
                    "ids": [row.pop("prediction_id") for row in found],
                    "answers": found,
                }
            sent.append(one)
            file.write(json.dumps(one) + "\n")
            file.flush()
            bar.update(len(asked))
            if speed:
                time.sleep(max(0.0, len(asked) / speed - (time.monotonic() - began)))
    return sent


def _unnoted(config: Config, layout: Layout, kept: Path, asked: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The request that was answered after the last note was made, if it has these rows."""
    noted = first_id(datetime.fromtimestamp(kept.stat().st_mtime, timezone.utc))
    log = PredictionLog(config.monitoring.prediction_log, layout)
    shown = [one for one in log.predictions(noted) if one.shown][::-1][: len(asked)]
    if [one.inputs for one in shown] != list(asked):
        return None
    return {
        "version": shown[0].model_version,
        "ids": [one.prediction_id for one in shown],
        "answers": [one.answer for one in shown],
    }


def tell(
    config: Config,
    url: str,
    layout: Layout,
    period: str,
    sent: Sequence[dict[str, Any]],
    truth: pd.Series,
    random: np.random.Generator,
) -> None:
    """Most truths now, the others a month later; those of the month before that are still to come, too."""
    ids = [id for one in sent for id in one["ids"]]
    late = random.random(len(ids)) < LATE
    known = [(id, value) for id, value, has in zip(ids, truth.tolist(), truth.notna(), strict=True) if has]
    held = {id for id, waits in zip(ids, late, strict=True) if waits}
    store = layout.simulation / "late.json"
    owed = read_json(store) if store.is_file() else {}
    before = [pair for month, pairs in owed.items() if month != period for pair in pairs]
    now = [*before, *((id, value) for id, value in known if id not in held)]
    size = config.serving.max_rows
    for start in range(0, len(now), size):
        items = [{"prediction_id": id, "truth": value} for id, value in now[start : start + size]]
        client.post(f"{url}/v1/feedback", {"feedback": items})
    write_json(store, {period: [pair for pair in known if pair[0] in held]})


def told(config: Config, layout: Layout, story: Story, frozen: Bundle) -> pd.DataFrame:
    """The timeline as a table, a file and a page, and how much retraining has won."""
    kind, classes = kinds.of(config.task), frozen.schema.classes
    assert isinstance(kind, Supervised)
    kept = [np.load(path) for month in story.months if (path := layout.simulation / f"{month.month}.npz").is_file()]
    table = pd.DataFrame([asdict(month) for month in story.months])
    table = table.rename(columns={"live": f"live_{kind.measure}", "frozen": f"frozen_{kind.measure}"})
    with replacing(layout.results / "simulation.csv") as temporary:
        table.to_csv(temporary, index=False)
    print("\n" + table.to_string(index=False))
    if not kept:
        print("\nsimulate  no truth is known, so that nothing can be compared")
        return table
    summary = {"frozen": story.frozen, **compared(kind, classes, kept, config.gate.confidence, config.seed)}
    write_json(layout.simulation / "verdict.json", summary)
    won = (
        f"retrained minus frozen champion (version {story.frozen}), mean over the months: {kind.measure} "
        f"{summary['difference']:+.4f} ({summary['low']:+.4f} to {summary['high']:+.4f}), {kind.loss} "
        f"{summary['loss_difference']:+.4f} ({summary['loss_low']:+.4f} to {summary['loss_high']:+.4f})"
    )
    replay_page.write([asdict(month) for month in story.months], kind.measure, won, layout.simulation / "index.html")
    print(f"\nsimulate  {won}\nsimulate  {layout.simulation / 'index.html'} shows it", flush=True)
    return table


def compared(
    kind: Supervised, classes: tuple[str, ...], months: Sequence[Any], confidence: float, seed: int
) -> dict[str, float]:
    """The live models minus the frozen one: the mean of the months' differences of the measure and of the loss, each
    with its paired bootstrap interval, in which rows are drawn again within their month.

    Not of all rows at once: an order of rows that several models have answered says nothing about each of them.
    """
    measures, losses = [], []
    for month in months:
        actual, live_, frozen = month["actual"], month["live"], month["frozen"]
        actual = actual.astype(object) if classes else actual
        loss = kind.losses(actual, live_, classes) - kind.losses(actual, frozen, classes)
        drawn = [(np.arange(len(actual)), np.ones(len(actual))), *resamples(len(actual), seed)]
        scores = [
            [kind.score(actual[taken], side[taken], classes, weights) for taken, weights in drawn]
            for side in (live_, frozen)
        ]
        measures.append(np.array(scores[0]) - np.array(scores[1]))
        losses.append(np.array([np.average(loss[taken], weights=weights) for taken, weights in drawn]))
    found: dict[str, float] = {}
    for prefix, values in (("", measures), ("loss_", losses)):
        mean = np.mean(values, axis=0)
        low, high = interval(mean[1:].tolist(), confidence)
        found |= {f"{prefix}difference": float(mean[0]), f"{prefix}low": low, f"{prefix}high": high}
    return found


def labels(target: pd.Series, schema: Schema) -> pd.Series:
    """What turns out to be true, as the API takes it: classes as text, the way that the splits spell them."""
    if not schema.classes:
        return target.astype(float)
    spelt = target.map({True: "true", False: "false"}) if target.dtype == bool else target.astype(str)
    return spelt.astype(object).where(target.notna(), None)


def production_rows(config: Config, layout: Layout, period: str) -> pd.DataFrame:
    """The view of one month through the same steps as training data, whether it is landed already or not."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        production = Layout(Path(folder))
        shutil.copytree(layout.schemas, production.schemas)
        shutil.copytree(layout.sql, production.sql)
        for name, source in config.sources.items():
            if isinstance(source, FolderSource):
                with landing.temporary(name, production) as incoming:
                    landing.land(name, files.fetch_period(source, period, incoming, layout), production)
            else:
                shutil.copytree(layout.landing / name, production.landing / name)
        try:
            for step in (format, trust, exploit):
                step.run(config, production)
        except EmptyTableError:  # a month in which nothing happened
            return pd.read_parquet(layout.exploitation / f"{config.task.view}.parquet").iloc[:0]
        rows = pd.read_parquet(production.exploitation / f"{config.task.view}.parquet")
    return rows.sort_values(config.task.time, kind="stable", ignore_index=True) if config.task.time else rows


@contextlib.contextmanager
def poisoned_sources(config: Config, layout: Layout, period: str, random: np.random.Generator) -> Iterator[Config]:
    """The configuration with the files of one month poisoned; those of the source stay as they are."""
    with tempfile.TemporaryDirectory() as folder:
        changed = {}
        for name, source in config.sources.items():
            if not isinstance(source, FolderSource):
                continue
            target = Path(folder) / name
            shutil.copytree(layout.root / source.path, target)
            for offered in files.offered_files(source, layout):
                if offered.period == period:
                    table = pd.read_csv(target / offered.name, dtype=str, keep_default_na=False)
                    faults.poison(table, random).to_csv(target / offered.name, index=False)
            changed[name] = source.model_copy(update={"path": str(target)})
        yield config.model_copy(update={"sources": {**config.sources, **changed}})


@contextlib.contextmanager
def live_api(layout: Layout) -> Iterator[str]:
    """The API of this project in a process of its own, on a free port; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", PACKAGE, "serve", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, cwd=layout.root)
    try:
        wait_until_ready(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=5) as response:
            if json.load(response)["status"] == "ready":
                return
        time.sleep(0.1)
    raise ProjectError(f"The API did not become ready within {START_SECONDS} s at {url}; its output is above.")
