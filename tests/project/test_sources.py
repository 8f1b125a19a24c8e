"""Every kind of source against a real end: an HTTP server that misbehaves, SQLite, PostgreSQL, S3."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from bake import bake, share_environment

from ..conftest import BakedProject

ROWS = [{"id": number, "name": f"Zoë {number}", "changed": f"2024-01-{number:02}"} for number in range(1, 26)]
TABLE = "<table><tr><th>Currency<th>Rate</tr><tr><td>EUR<td>1.10</tr><tr><td>DKK<td>0.15</tr></table>"


class Api(BaseHTTPRequestHandler):
    """Pages, stalls, limits, fails and cuts short, as the path says; `asked` counts the requests."""

    protocol_version = "HTTP/1.1"
    asked: list[str] = []  # noqa: RUF012
    failures: dict[str, int] = {}  # noqa: RUF012

    def do_GET(self) -> None:
        Api.asked.append(self.path)
        parts = urlsplit(self.path)
        values = {name: found[0] for name, found in parse_qs(parts.query).items()}
        getattr(self, parts.path.strip("/").split(".")[0].replace("/", "_") or "missing", self.missing)(values)

    def answer(self, body: Any, status: int = 200, **headers: str) -> None:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", headers.pop("length", str(len(content))))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def first(self, times: int) -> bool:
        """Whether this path was asked at most `times` times so far."""
        Api.failures[self.path] = Api.failures.get(self.path, 0) + 1
        return Api.failures[self.path] <= times

    def missing(self, values: dict[str, str]) -> None:
        self.answer("nothing here", 404)

    def pages(self, values: dict[str, str]) -> None:
        start = 10 * (int(values["page"]) - 1)
        self.answer({"data": {"items": ROWS[start : start + 10]}})

    def offsets(self, values: dict[str, str]) -> None:
        start = int(values["offset"])
        self.answer(ROWS[start : start + int(values["limit"])])

    def cursors(self, values: dict[str, str]) -> None:
        start = int(values.get("after", 0))
        self.answer({"items": ROWS[start : start + 10], "next": str(start + 10) if start < 20 else None})

    def links(self, values: dict[str, str]) -> None:
        start = int(values.get("from", 0))
        link = {"Link": f'</links?from={start + 10}>; rel="next"'} if start < 20 else {}
        self.answer(ROWS[start : start + 10], 200, **link)

    def since(self, values: dict[str, str]) -> None:
        self.answer([row for row in ROWS if str(row["changed"]) >= values.get("since", "")])

    def guarded(self, values: dict[str, str]) -> None:
        welcome = (
            self.headers["Authorization"] == "Bearer of-this-test-alone" or values.get("key") == "of-this-test-alone"
        )
        self.answer(ROWS if welcome else {"error": "who are you?"}, 200 if welcome else 401)

    def busy(self, values: dict[str, str]) -> None:
        self.answer([], 429, Retry_After="1") if self.first(1) else self.answer(ROWS)

    def failing(self, values: dict[str, str]) -> None:
        self.answer([], 500) if self.first(2) else self.answer(ROWS)

    def broken(self, values: dict[str, str]) -> None:
        self.answer({"error": "out of order"}, 500)

    def cut(self, values: dict[str, str]) -> None:
        if self.first(1):
            self.answer('[{"id": 1', length="5000")
            self.close_connection = True
        else:
            self.answer(ROWS)

    def stalling(self, values: dict[str, str]) -> None:
        if self.first(1):
            time.sleep(2)
        self.answer(ROWS)

    def file(self, values: dict[str, str]) -> None:
        if self.headers["If-None-Match"] == '"v1"':
            self.answer("", 304)
        elif self.first(1):
            self.answer("id,name\n1,", length="5000")
            self.close_connection = True
        else:
            self.answer("id,name\n1,x\n", ETag='"v1"')

    def rates(self, values: dict[str, str]) -> None:
        self.answer(f"<html><table><tr><td>menu</td></tr></table>{TABLE}</html>")

    def private(self, values: dict[str, str]) -> None:
        self.answer(TABLE)

    def robots(self, values: dict[str, str]) -> None:
        self.answer("User-agent: *\nDisallow: /private\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def project(tmp_path: Path, installed: BakedProject) -> BakedProject:
    """A fresh render with the package name of the installed one, whose code it therefore runs."""
    made = BakedProject(bake(tmp_path, project_name="Late Planes"))
    share_environment(made.root)
    return made


@pytest.fixture
def ingest(project: BakedProject) -> Callable[..., list[dict[str, Any]]]:
    """Make `x` the only source of the project and ingest it; the files of the manifests, newest landing last."""

    def run(*, fails: bool = False, **source: Any) -> Any:
        text = "# @package sources\n" + json.dumps({"x": source})
        (project.root / "conf" / "source" / "x.yaml").write_text(text, encoding="utf-8")
        config = project.root / "conf" / "config.yaml"
        config.write_text(project.text("conf/config.yaml").replace("[flights]", "[x]"), encoding="utf-8")
        told = project.run(".venv/bin/python", "-m", "late_planes", "ingest", fails=fails)
        if fails:
            assert "Traceback" not in told
            assert not list((project.root / "data" / "landing").rglob("*.*"))
            return told
        manifests = sorted((project.root / "data" / "landing" / "x").glob("*/manifest.json"))
        return [file for path in manifests for file in json.loads(path.read_text(encoding="utf-8"))["files"]]

    return run


def records(project: BakedProject) -> list[dict[str, Any]]:
    """The rows of every landed file of a REST or SQL source, in the order in which they landed."""
    paths = sorted((project.root / "data" / "landing" / "x").glob("*/x.jsonl.gz"))
    return [json.loads(line) for path in paths for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


QUICK = {"per_second": 1000, "retries": 3, "back_off": 0.05, "timeout": 1}


@pytest.mark.parametrize(
    ("path", "settings"),
    [
        ("pages", {"records": "data.items", "pagination": {"kind": "page"}}),
        (
            "offsets",
            {"pagination": {"kind": "offset", "parameter": "offset", "size_parameter": "limit", "size": 10}},
        ),
        ("cursors", {"records": "items", "pagination": {"kind": "cursor", "parameter": "after"}}),
        ("links", {"pagination": {"kind": "link"}}),
        ("busy", {}),
        ("failing", {}),
        ("cut", {}),
        ("stalling", {}),
    ],
)
def test_every_record_is_landed_once_however_the_api_behaves(
    path: str, settings: dict[str, Any], api: str, ingest: Any, project: BakedProject
) -> None:
    (file,) = ingest(kind="rest", url=f"{api}/{path}", requests=QUICK, **settings)
    assert file["rows"] == 25
    assert records(project) == ROWS


def test_an_api_goes_on_from_its_last_watermark(api: str, ingest: Any, project: BakedProject) -> None:
    source = {"kind": "rest", "url": f"{api}/since", "watermark": {"column": "changed", "parameter": "since"}}
    hidden, ROWS[20:] = ROWS[20:], []
    try:
        ingest(**source)
    finally:
        ROWS.extend(hidden)
    found = ingest(**source)
    assert [file["rows"] for file in found] == [20, 5]
    assert records(project) == ROWS
    assert len(ingest(**source)) == 2
    assert Api.asked[-1] == "/since?since=2024-01-25"


@pytest.mark.parametrize("auth", [{"kind": "bearer"}, {"kind": "parameter", "name": "key"}])
def test_a_secret_comes_from_the_environment_and_is_written_nowhere(
    auth: dict[str, str], api: str, ingest: Any, project: BakedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = {"kind": "rest", "url": f"{api}/guarded", "auth": {**auth, "env": "API_SECRET"}, "requests": QUICK}
    assert "environment variable API_SECRET is not set" in ingest(fails=True, **source)
    monkeypatch.setenv("API_SECRET", "wrong")
    assert "answered 401" in ingest(fails=True, **source)
    monkeypatch.setenv("API_SECRET", "of-this-test-alone")
    ingest(**source)
    for path in project.root.rglob("*"):
        if path.is_file() and ".venv" not in path.parts and path.stat().st_size < 1_000_000:
            assert b"of-this-test-alone" not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("path", "settings", "message"),
    [
        ("broken", {}, "/broken answered 500"),
        ("nowhere", {}, "/nowhere answered 404"),
        ("rates", {}, "does not answer with JSON"),
        ("pages?page=1", {"records": "data"}, "gives no list of records at 'data'"),
    ],
)
def test_an_api_that_does_not_do_is_named_and_nothing_is_landed(
    path: str, settings: dict[str, Any], message: str, api: str, ingest: Any
) -> None:
    assert message in ingest(fails=True, kind="rest", url=f"{api}/{path}", requests=QUICK, **settings)


def test_where_nobody_answers_the_address_is_named(ingest: Any) -> None:
    told = ingest(fails=True, kind="rest", url="http://127.0.0.1:9/x?token=abc", requests={**QUICK, "retries": 0})
    assert "http://127.0.0.1:9/x?token=*** does not answer" in told


def test_a_download_is_whole_and_is_not_repeated(api: str, ingest: Any, project: BakedProject) -> None:
    (file,) = ingest(kind="file", path=f"{api}/file.csv")
    assert (file["name"], file["version"], file["bytes"]) == ("file.csv", '"v1"', 12)
    assert len(ingest(kind="file", path=f"{api}/file.csv")) == 1
    assert [path for path in Api.asked if path == "/file.csv"] == ["/file.csv"] * 3


def test_the_tables_of_a_page_are_landed_where_robots_txt_allows_it(
    api: str, ingest: Any, project: BakedProject
) -> None:
    (file,) = ingest(kind="html", url=f"{api}/rates", match="Currency", requests=QUICK)
    landed = next((project.root / "data" / "landing" / "x").glob(f"*/{file['name']}"))
    assert landed.read_text(encoding="utf-8") == "Currency,Rate\nEUR,1.10\nDKK,0.15\n"


def test_a_page_that_robots_txt_bans_is_not_fetched(api: str, ingest: Any) -> None:
    told = ingest(fails=True, kind="html", url=f"{api}/private", requests=QUICK)
    assert "is not fetched: robots.txt disallows it" in told
    assert "/private" not in Api.asked


def test_a_fetch_that_is_killed_leaves_no_half_file_and_can_be_run_again(
    api: str, ingest: Any, project: BakedProject
) -> None:
    source = {"kind": "rest", "url": f"{api}/pages", "records": "data.items", "pagination": {"kind": "page"}}
    slow = {**source, "requests": {**QUICK, "per_second": 2}}
    ingest(fails=True, kind="rest", url=f"{api}/nowhere", requests=QUICK)
    text = "# @package sources\n" + json.dumps({"x": slow})
    (project.root / "conf" / "source" / "x.yaml").write_text(text, encoding="utf-8")
    process = subprocess.Popen(
        [str(project.root / ".venv/bin/python"), "-m", "late_planes", "ingest"], cwd=project.root
    )
    while not list((project.root / "data" / ".incoming").rglob("*.gz")):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list((project.root / "data" / "landing").rglob("*.gz"))
    ingest(**source, requests=QUICK)
    assert records(project) == ROWS
    assert not (project.root / "data" / ".incoming").exists()


FILL = """
import sqlalchemy as sa
with sa.create_engine({url!r}).begin() as connection:
    columns = "id integer, amount numeric(10, 2), made timestamp, note text"
    connection.execute(sa.text(f"create table if not exists orders ({{columns}})"))
    connection.execute(
        sa.text("insert into orders values (:id, :id * 1.25, '2024-01-02 03:04:05', :note)"),
        [{{"id": number, "note": None if number % 2 else "Zoë, \\"Z\\""}} for number in range({first}, {last} + 1)],
    )
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_database_is_read_in_chunks_and_goes_on_from_its_watermark(
    kind: str, ingest: Any, project: BakedProject, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = request.getfixturevalue("postgres") if kind == "postgres" else f"sqlite:///{project.root / 'shop.sqlite'}"
    monkeypatch.setenv("SHOP", url)
    source = {
        "kind": "sql",
        "url_env": "SHOP",
        "query": "select * from orders;",
        "watermark": {"column": "id"},
        "chunk_rows": 7,
    }
    assert "orders" in ingest(fails=True, **source)
    project.python(FILL.format(url=url, first=1, last=20))
    ingest(**source)
    project.python(FILL.format(url=url, first=21, last=25))
    found = ingest(**source)
    assert [(file["rows"], file["watermark"]) for file in found] == [(20, 20), (5, 25)]
    assert len(ingest(**source)) == 2
    rows = records(project)
    assert [row["id"] for row in rows] == list(range(1, 26))
    assert rows[1] == {"id": 2, "amount": 2.5, "made": rows[1]["made"], "note": 'Zoë, "Z"'}
    assert rows[1]["made"].startswith("2024-01-02 03:04:05")
    assert "s3cr3t" not in json.dumps(found)


def test_a_file_of_an_object_store_is_landed(s3: str, tools: Path, ingest: Any) -> None:
    client = f"import boto3; client = boto3.client('s3', endpoint_url={s3!r})"
    put = f"{client}; client.put_object(Bucket='bucket', Key='in/a.csv', Body=b'a,b\\n1,2\\n')"
    subprocess.run([str(tools), "-c", put], check=True)
    source = {"path": "s3://bucket/in/a.csv", "options": {"endpoint_url": s3}}
    assert "there is no file" in ingest(fails=True, kind="file", **{**source, "path": "s3://bucket/in/b.csv"})
    (file,) = ingest(kind="file", **source)
    assert (file["name"], file["bytes"]) == ("a.csv", 8)
    assert len(ingest(kind="file", **source)) == 1


def test_data_goes_to_an_object_store_and_comes_back(s3: str, project: BakedProject, tmp_path: Path) -> None:
    project.run(".venv/bin/python", "-m", "late_planes", "ingest")
    project.run(".venv/bin/dvc", "remote", "add", "--default", "store", "s3://bucket/data")
    project.run(".venv/bin/dvc", "remote", "modify", "store", "endpointurl", s3)
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--no-verify", "--message", "The first landing")
    project.run(".venv/bin/dvc", "push", "--quiet")
    clone = tmp_path / "clone"
    project.run("git", "clone", "--quiet", ".", str(clone))
    other = BakedProject(clone)
    share_environment(clone)
    other.run(".venv/bin/dvc", "pull", "--quiet", "data/landing.dvc")
    assert len(list((clone / "data" / "landing").rglob("*.csv.gz"))) == 15
