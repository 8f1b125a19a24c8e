from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.monitoring.store import (
    Answered,
    Feedback,
    PredictionLog,
    first_id,
    new_id,
    prediction_id,
)


def test_the_log_gives_back_what_was_logged_by_version_newest_last(project: Layout) -> None:
    log = PredictionLog("sqlite:///data/log.sqlite", project)
    for version in ("1", "2", "2"):
        log.append(answered(version))
    again = PredictionLog("sqlite:///data/log.sqlite", project)
    assert again.count("1") == 2
    newest = again.newest("2", 3)
    assert [one.inputs for one in newest] == [{"x": 1}, {"x": 0}, {"x": 1}]
    assert newest[-1] == again.find(newest[-1].prediction_id)
    assert again.find("nothing") is None


def test_feedback_is_kept_by_prediction_and_the_newest_counts(project: Layout) -> None:
    log = PredictionLog("sqlite:///data/log.sqlite", project)
    made = answered("1")
    log.append(made)
    first, second = (prediction_id(made.id, row) for row in (0, 1))
    given = [Feedback(first, "no"), Feedback(second, wrong=True), Feedback(first, "yes"), Feedback("nothing", "yes")]
    assert log.add_feedback(given) == [True, True, True, False]
    assert log.feedback() == {first: Feedback(first, "yes"), second: Feedback(second, wrong=True)}


def test_many_threads_write_every_row_once(project: Layout) -> None:
    log = PredictionLog("sqlite:///data/log.sqlite", project)
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: log.append(answered("1")), range(200)))
    assert log.count("1") == 400


def test_what_is_collected_twice_is_there_once(project: Layout) -> None:
    log, made = PredictionLog("sqlite:///data/log.sqlite", project), answered("1")
    log.append(made)
    log.collect()
    log.append(made)
    assert log.count("1") == 2


def test_what_a_killed_process_has_answered_is_in_the_log(project: Layout) -> None:
    log = PredictionLog("sqlite:///data/log.sqlite", project)
    dying = multiprocessing.get_context("spawn").Process(target=answer_and_die, args=(project,))
    dying.start()
    dying.join()
    assert dying.exitcode == -signal.SIGKILL
    assert log.count("1") == 2
    assert not list(project.journal.glob("*.jsonl"))


def test_half_a_line_is_of_a_request_that_was_never_answered(project: Layout) -> None:
    log = PredictionLog("sqlite:///data/log.sqlite", project)
    log.append(answered("1"))
    log.rotate()
    (segment,) = project.journal.glob("*.jsonl")
    with segment.open("ab") as file:
        file.write(b'{"id": "18ea')
    assert log.count("1") == 2


def test_days_beyond_the_retention_are_dropped(project: Layout) -> None:
    log = PredictionLog("sqlite:///data/log.sqlite", project)
    old = answered("1", datetime.now(timezone.utc) - timedelta(days=40))
    log.append(old, answered("1"))
    log.add_feedback([Feedback(prediction_id(old.id, 0), "yes")])
    assert len(log.trim(30)) == 2
    assert log.count("1") == 2
    assert log.feedback() == {}


def test_rows_of_an_hour_are_counted_and_nobody_knows_of_an_hour_before_the_log(project: Layout) -> None:
    log, now = PredictionLog("sqlite:///data/log.sqlite", project), datetime.now(timezone.utc)
    hour = timedelta(hours=1)
    assert log.rows_between(now - hour, now) is None
    log.append(answered("1", now - timedelta(days=8)), answered("1", now - hour / 2), answered("2", now - 2 * hour))
    assert log.rows_between(now - hour, now) == 2
    assert log.rows_between(now - timedelta(days=7), now) == 4
    assert log.rows_between(now - timedelta(days=7, hours=1), now - timedelta(days=7)) == 0
    assert log.rows_between(now - timedelta(days=20), now - timedelta(days=19)) is None


def answer_and_die(project: Layout) -> None:
    PredictionLog("sqlite:///data/log.sqlite", project).append(answered("1"))
    os.kill(os.getpid(), signal.SIGKILL)


def answered(version: str, when: datetime | None = None) -> Answered:
    id = new_id() if when is None else first_id(when) + new_id()[16:]
    return Answered(id, "champion", version, {"x": [0, 1]}, {"label": ["yes", "no"]}, [0.5, 0.4])
