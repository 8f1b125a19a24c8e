"""Findings in, people told out: in a file always, by mail and webhook where conf/monitoring/ says so.

The same alert is not sent again before its quiet time is over. What could not be sent is tried at the next run.
"""

from __future__ import annotations

import json
import os
import smtplib
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

from ..config import Alerts
from ..governance import read_lines
from ..layout import PACKAGE, Layout
from .findings import Finding

SENT = "alerts.jsonl"
TIMEOUT_SECONDS = 10
PASSWORD, WEBHOOK = "ALERT_MAIL_PASSWORD", "ALERT_WEBHOOK"
"""Variables of the environment that hold what is secret: nothing of it is in a file."""


@dataclass(frozen=True)
class Alert:
    """A finding that is open since then (UTC, as text) about a version of the model."""

    finding: Finding
    since: str
    version: str

    @property
    def text(self) -> str:
        found, since = self.finding, self.since[:16].replace("T", " ")
        return f"{found.severity}: {found.what}. Since {since} UTC, version {self.version}. {found.do}"

    def values(self) -> dict[str, str]:
        return {**asdict(self.finding), "since": self.since, "version": self.version}


def opened(
    findings: Sequence[Finding], before: Sequence[Mapping[str, str]], version: str, now: datetime
) -> list[Alert]:
    """What is open now; `before` are the `values` of what was open at the last run, by which it is known since when."""
    since = {one["key"]: one["since"] for one in before}
    return [Alert(one, since.get(one.key, now.isoformat(timespec="seconds")), version) for one in findings]


def send(alerts: Sequence[Alert], policy: Alerts, layout: Layout, now: datetime) -> list[str]:
    """Each alert on each channel on which its quiet time is over; a line for each that could not be sent."""
    log = layout.monitoring / SENT
    begin = now - timedelta(hours=policy.quiet_hours)
    quiet = {
        (one["channel"], one["key"])
        for one in read_lines(log)
        if begin < datetime.fromisoformat(one["sent"]) <= now  # what a clock that went back has sent later is no excuse
    }
    failed = []
    for name, channel in channels(policy).items():
        due = [one for one in alerts if (name, one.finding.key) not in quiet]
        if not due:
            continue
        try:
            channel(due)
        except (OSError, smtplib.SMTPException) as error:
            failed.append(f"{len(due)} alert(s) could not be sent by {name}, the next run tries again: {error}")
            continue
        with log.open("a", encoding="utf-8") as lines:
            for one in due:
                entry = {"channel": name, "sent": now.isoformat(timespec="seconds"), **one.values()}
                lines.write(json.dumps(entry, ensure_ascii=False) + "\n")
    return failed


def channels(policy: Alerts) -> dict[str, Callable[[Sequence[Alert]], None]]:
    """Name to what sends several alerts at once."""
    found: dict[str, Callable[[Sequence[Alert]], None]] = {"output": _print}
    if policy.mail_to:
        found["mail"] = lambda alerts: _mail(alerts, policy)
    webhook = os.environ.get(WEBHOOK) or policy.webhook
    if webhook:
        found["webhook"] = lambda alerts: _post(alerts, webhook)
    return found


def _print(alerts: Sequence[Alert]) -> None:
    for one in alerts:
        print(f"alert     {one.text}", flush=True)


def _mail(alerts: Sequence[Alert], policy: Alerts) -> None:
    message = EmailMessage()
    worst = "critical" if any(one.finding.severity == "critical" for one in alerts) else "warning"
    message["Subject"] = f"[{PACKAGE}] {worst}: {', '.join(one.finding.key for one in alerts)}"
    message["From"] = policy.mail_from or policy.mail_to[0]
    message["To"] = ", ".join(policy.mail_to)
    message.set_content("\n\n".join(one.text for one in alerts))
    with smtplib.SMTP(policy.mail_host, policy.mail_port, timeout=TIMEOUT_SECONDS) as server:
        if policy.mail_user:
            server.starttls()
            server.login(policy.mail_user, os.environ.get(PASSWORD, ""))
        server.send_message(message)


def _post(alerts: Sequence[Alert], address: str) -> None:
    """As JSON; `text` is what chat programs show."""
    body: dict[str, Any] = {
        "project": PACKAGE,
        "text": "\n".join(one.text for one in alerts),
        "alerts": [one.values() for one in alerts],
    }
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
        pass
