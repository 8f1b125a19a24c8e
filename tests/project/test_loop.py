"""Monitoring and the closed loop on real flights: alerts, the dashboard, faults, killed rounds. In order."""

from __future__ import annotations

import contextlib
import csv
import gzip
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bake import BUILD, bake, share_environment
from demo import environment, serving
from playwright.sync_api import expect, sync_playwright

from ..conftest import BakedProject
from .conftest import free_port, post, postgres_cluster, required, until

PACKAGE = "late_planes"
LOGGED = """
from collections import Counter
from late_planes import config
from late_planes.layout import Layout
from late_planes.monitoring.store import PredictionLog
log = PredictionLog(config.load(Layout()).monitoring.prediction_log, Layout())
found = [one.prediction_id for one in log.predictions()]
print(len(found), len(set(found)), len(log.feedback()))
"""
SMTP = """
import sys, time
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Debugging
server = Controller(Debugging(sys.stdout), hostname="127.0.0.1", port=int(sys.argv[1]))
server.start()
print("listening", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory, installed: BakedProject) -> BakedProject:
    """A project of its own with a deployed model; it runs the code of the installed one."""
    made = BakedProject(bake(tmp_path_factory.mktemp("loop"), project_name="Late Planes"))
    share_environment(made.root)
    made.make("setup", "pipeline", "promote", "deploy")
    made.run("git", "add", "--all")
    made.run("git", "commit", "--quiet", "--no-verify", "--message", "The first model")
    return made


def command(project: BakedProject, *arguments: str, fails: bool = False) -> str:
    told = project.run(".venv/bin/python", "-m", PACKAGE, *arguments, fails=fails)
    assert "Traceback" not in told
    return told


def monitored(project: BakedProject, *arguments: str) -> int:
    """What `monitor` ends with."""
    line = [".venv/bin/python", "-m", PACKAGE, "monitor", *arguments]
    return subprocess.run(line, cwd=project.root, env=environment()).returncode


@contextlib.contextmanager
def begun(project: BakedProject, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of the project with all that it starts, killed at the end."""
    line = [".venv/bin/python", "-m", PACKAGE, *arguments]
    process = subprocess.Popen(
        line, cwd=project.root, env=environment(), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def logged(project: BakedProject) -> tuple[int, int, int]:
    """Rows, different ones, and truths in the prediction log."""
    rows, distinct, truths = map(int, project.python(LOGGED).split())
    return rows, distinct, truths


def decisions(project: BakedProject) -> list[dict[str, Any]]:
    return [json.loads(line) for line in project.text("results/governance/decisions.jsonl").splitlines()]


def test_without_predictions_nothing_is_judged_and_nothing_retrained(loop: BakedProject) -> None:
    assert "too few predictions in the log" in loop.make("monitor")
    assert "retrain   no: no trigger fired: 0 of 1,000 predictions" in loop.make("retrain")
    assert "Nobody has looked" not in loop.text("results/monitoring/index.html")


def test_a_replay_that_is_killed_goes_on_and_counts_nothing_twice(loop: BakedProject) -> None:
    sent = loop.root / "results" / "simulation" / "2013-07.jsonl"
    with begun(loop, "simulate", "--months", "1", "--speed", "1500"):
        until(lambda: sent.is_file() and len(sent.read_text(encoding="utf-8").splitlines()) >= 2)
    told = command(loop, "simulate", "--months", "1")
    assert re.search(r"predict   1,\d00 rows were answered before, going on", told)
    (month,) = csv.DictReader(loop.text("results/simulation.csv").splitlines())
    rows, distinct, truths = logged(loop)
    assert rows == distinct == int(month["rows"]) == 2351
    assert 0.7 * rows < truths < 0.9 * rows
    assert month["retrained"] == "yes"
    assert 0.6 < float(month["live_auc"]) < 0.8
    assert "temp" in month["drifted"]


def test_the_report_tells_what_drifted_how_right_the_model_was_and_what_was_foreseen(loop: BakedProject) -> None:
    report = json.loads((loop.root / "results/monitoring/monitoring.json").read_text(encoding="utf-8"))
    first = report["windows"][0]
    assert first["rows"] == 1000
    assert first["actual"]["low"] < first["actual"]["value"] < first["actual"]["high"]
    assert abs(first["missed"]) < 0.15
    assert {"temp", "dewp"} <= set(report["drifted"])
    assert 0 < report["drifted_share"] < 0.5
    assert report["together"]["p_value"] < 0.01


def test_a_round_that_is_killed_goes_on_with_the_same_month(loop: BakedProject) -> None:
    """The rest of the truth of July is there, and enough was asked; August waits."""
    mark = loop.root / "results" / "governance" / "unfinished.json"
    params = loop.root / "conf" / "retraining" / "default.yaml"
    params.write_text(
        params.read_text(encoding="utf-8").replace("min_new_predictions: 1000", "min_new_predictions: 1"),
        encoding="utf-8",
    )
    command(loop, "compose")
    example = json.loads(next(loop.root.glob("deploy/bundles/*/schema.json")).read_text(encoding="utf-8"))["example"]
    with serving(loop.root) as url:
        post(url, {"rows": [example]})
    with begun(loop, "retrain") as first:
        until(mark.is_file)
        time.sleep(3)
        told = command(loop, "retrain", fails=True)
        assert f"Another `retrain` is at work in this project (process {first.pid}, since 20" in told
    told = command(loop, "retrain")
    assert "retrain   yes: the last round was interrupted while it learnt from 2013-08" in told
    assert not mark.exists()
    landed = [
        entry["period"]
        for path in loop.root.glob("data/landing/flights/*/manifest.json")
        for entry in json.loads(path.read_text(encoding="utf-8"))["files"]
        if entry["table"] == "flights"
    ]
    assert sorted(landed) == [f"2013-0{month}" for month in range(1, 9)]
    assert [one["decision"] for one in decisions(loop)].count("Promoted") == len(
        {one["version"] for one in decisions(loop) if one["decision"] == "Promoted"}
    )


def test_a_broken_sensor_is_found_and_a_poisoned_batch_stops_at_the_gate(loop: BakedProject) -> None:
    champion = json.loads(loop.text("deploy/deployment.json"))["champion"]["version"]
    arguments = ["--months", "1", "--fault", "broken_sensor:wind_speed", "--fault", "poisoned_batch"]
    told = command(loop, "simulate", *arguments)
    assert "alert     warning: wind_speed is one and the same value in all of the last" in told
    assert "alert     critical: retraining failed: the rows landed for 2013-09 and later do not fit" in told
    assert json.loads(loop.text("deploy/deployment.json"))["champion"]["version"] == champion
    keys = {json.loads(line)["key"] for line in loop.text("results/monitoring/alerts.jsonl").splitlines()}
    assert {"stuck:wind_speed", "drift:wind_speed", "retraining"} <= keys
    assert "There is no fault flood" in command(loop, "simulate", "--fault", "flood", fails=True)


def test_alerts_go_out_by_mail_and_webhook_once(loop: BakedProject, tools: Path, tmp_path: Path) -> None:
    received: list[dict[str, Any]] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    hook, port = http.server.HTTPServer(("127.0.0.1", 0), Hook), free_port()
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    mailed = tmp_path / "mail.txt"
    with mailed.open("w") as output:
        smtp = subprocess.Popen([str(tools), "-u", "-c", SMTP, str(port)], stdout=output)
    try:
        until(lambda: "listening" in mailed.read_text(encoding="utf-8"))
        alerts = loop.root / "conf" / "alerts" / "default.yaml"
        text = alerts.read_text(encoding="utf-8")
        text = text.replace("webhook: null", f"webhook: http://127.0.0.1:{hook.server_port}/")
        text = text.replace("mail_to: []", "mail_to: [ann@example.com]").replace("mail_port: 25", f"mail_port: {port}")
        alerts.write_text(text.replace("mail_host: localhost", "mail_host: 127.0.0.1"), encoding="utf-8")
        command(loop, "compose")
        ended = [monitored(loop, "--no-report"), monitored(loop)]
        until(lambda: "To: ann@example.com" in mailed.read_text(encoding="utf-8"))
    finally:
        smtp.kill()
        smtp.wait()
        hook.shutdown()
        hook.server_close()
    report = json.loads((loop.root / "results/monitoring/monitoring.json").read_text(encoding="utf-8"))
    critical = any(one["severity"] == "critical" for one in report["alerts"])
    assert ended == [3, 3] if critical else ended == [0, 0]
    (message,) = received
    assert {one["key"] for one in message["alerts"]} == {one["key"] for one in report["alerts"]}
    assert "Since 20" in message["text"]
    assert mailed.read_text(encoding="utf-8").count("Subject: [late_planes]") == 1
    assert (loop.root / "results" / "monitoring" / "drift.html").stat().st_size > 1_000_000


def test_the_dashboard_shows_it_in_a_browser(loop: BakedProject, chromium: str) -> None:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    example = json.loads(next(loop.root.glob("deploy/bundles/*/schema.json")).read_text(encoding="utf-8"))["example"]
    told: list[str] = []
    with serving(loop.root) as url, sync_playwright() as playwright:
        for _ in range(24):  # two samples of the load
            post(url, {"rows": [example]})
            time.sleep(0.5)
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for width, name in ((1000, "monitoring"), (390, "monitoring-phone")):
            page = browser.new_page(base_url=url, viewport={"width": width, "height": 900})
            page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
            page.goto("/")
            page.get_by_role("link", name="Monitoring").click()
            expect(page.get_by_role("heading", name="Open alerts")).to_be_visible()
            expect(page.get_by_role("img", name=re.compile("auc of late, by window"))).to_be_visible()
            expect(page.get_by_role("img", name=re.compile("Drift by column"))).to_be_visible()
            expect(page.get_by_role("img", name=re.compile("Requests a second"))).to_be_visible()
            expect(page.get_by_text("Memory of the workers")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            (BUILD / "screenshots").mkdir(parents=True, exist_ok=True)
            page.screenshot(path=BUILD / "screenshots" / f"{name}.png", full_page=True)
        browser.close()
    assert told == []


def test_a_batch_that_was_mended_is_learnt_from(loop: BakedProject) -> None:
    assert "do not fit what production has said" in command(loop, "retrain", fails=True)
    shutil.rmtree(max((loop.root / "data" / "landing" / "flights").iterdir()))
    told = command(loop, "retrain")
    assert "the last round was interrupted while it learnt from 2013-09" in told
    assert re.search("promote   (Promoted|Inconclusive|Rejected)", told)


def test_an_empty_month_and_one_with_little_truth_are_gone_through(loop: BakedProject) -> None:
    policy, champion = loop.root / "conf" / "retraining" / "default.yaml", loop.text("deploy/deployment.json")
    text = policy.read_text(encoding="utf-8")
    text = re.sub("(?m)^min_new_predictions: .*$", "min_new_predictions: null", text)
    policy.write_text(text.replace("on_performance: true", "on_performance: false"), encoding="utf-8")
    command(loop, "compose")
    october = loop.root / "data" / "bundled" / "flights-2013-10.csv.gz"
    with gzip.open(october, "rt") as file:
        header = file.readline()
    with gzip.open(october, "wt") as file:
        file.write(header)
    before = logged(loop)
    told = command(loop, "simulate", "--months", "2", "--fault", "missing_labels")
    months = {month["month"]: month for month in csv.DictReader(loop.text("results/simulation.csv").splitlines())}
    assert (months["2013-10"]["rows"], months["2013-10"]["live_auc"]) == ("0", "")
    assert "retrain   no: no trigger fired: none is set" in told
    rows, _, truths = logged(loop)
    assert rows == before[0] + int(months["2013-11"]["rows"]) > before[0] + 2000
    assert before[2] < truths < before[2] + 0.5 * 2000 + 1000
    assert loop.text("deploy/deployment.json") == champion


def test_a_log_that_is_away_is_waited_for(loop: BakedProject) -> None:
    log = loop.root / "conf" / "monitoring" / "default.yaml"
    text = log.read_text(encoding="utf-8")
    with postgres_cluster() as (url, start):
        log.write_text(text.replace("sqlite:///data/predictions.sqlite", url), encoding="utf-8")
        command(loop, "compose")
        line = [".venv/bin/python", "-m", PACKAGE, "monitor", "--no-report"]
        watching = subprocess.Popen(line, cwd=loop.root, env=environment(), stdout=subprocess.PIPE, text=True)
        assert watching.stdout
        waiting = watching.stdout.readline()
        start()
        told, _ = watching.communicate(timeout=120)
    log.write_text(text, encoding="utf-8")
    command(loop, "compose")
    assert "is away, waiting for it" in waiting
    assert "s3cr3t" not in waiting + told
    assert "too few predictions in the log" in told


def test_freshness_tells_what_retraining_more_often_would_have_won(loop: BakedProject) -> None:
    told = command(loop, "freshness")
    assert "freshness 0 days old" in told
    found = json.loads((loop.root / "results/freshness/freshness.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in found["schedules"]] == ["never", "every month", "every week", "every day"]
    assert found["ages"][0]["value"] > found["ages"][-1]["value"]


def test_prometheus_takes_its_files(loop: BakedProject) -> None:
    promtool = required("promtool", "prometheus")
    folder = loop.root / "deploy" / "monitoring"
    told = subprocess.run([promtool, "check", "config", "prometheus.yml"], cwd=folder, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    exposed = loop.text("deploy/monitoring/rules.yml") + loop.text("deploy/monitoring/grafana.json")
    names = set(re.findall(r"\b((?:http|predicted|missing|non_null|worker|deployed)_[a-z_]+)\b", exposed))
    with serving(loop.root) as url:
        example = json.loads(next(loop.root.glob("deploy/bundles/*/schema.json")).read_text(encoding="utf-8"))[
            "example"
        ]
        post(url, {"rows": [example | {"wind_gust": None} if "wind_gust" in example else example]})
        with urllib.request.urlopen(f"{url}/metrics", timeout=30) as response:
            metrics = response.read().decode()
    declared = set(re.findall(r"^# TYPE (\w+)", metrics, re.M))
    known = declared | {f"{name}_bucket" for name in declared}
    assert {name for name in names if name not in known} <= {"missing_inputs_total", "non_null_outputs_total"}
