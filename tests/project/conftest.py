"""One rendered project, taken further by each fixture; every step is a make target, as its user calls it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bake import BUILD, ENVIRONMENT
from demo import serving
from filelock import FileLock
from playwright.sync_api import expect

from ..conftest import BakedProject

TOOLS = Path(__file__).parent / "servers_and_tables.txt"
NODE = Path(__file__).parent / "node"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder runs a project, and is left out by `make test-fast`."""
    for item in items:
        if "tests/project/" in item.path.as_posix():
            item.add_marker(pytest.mark.project)


@pytest.fixture(scope="session")
def trained(installed: BakedProject) -> BakedProject:
    """`make pipeline`, and its results under version control."""
    told = installed.make("pipeline")
    assert "bundle accepted" in told
    installed.run("git", "add", "--all")
    installed.run("git", "commit", "--quiet", "--no-verify", "--message", "The first model")
    return installed


@pytest.fixture(scope="session")
def deployed(trained: BakedProject) -> BakedProject:
    """`make promote` and `make deploy`."""
    assert "version 1 is champion" in trained.make("promote")
    assert "version 1" in trained.make("deploy")
    return trained


@pytest.fixture(scope="session")
def api(deployed: BakedProject) -> Iterator[str]:
    """`make serve` on a free port; the address of the API."""
    with serving(deployed.root) as url:
        yield url


@pytest.fixture(scope="session")
def tools(installed: BakedProject) -> Path:
    """An environment with the locked servers and tables that the tests need; returns its Python."""
    python: Path = BUILD / "servers-and-tables" / "bin" / "python"
    stamp = BUILD / "servers-and-tables" / TOOLS.name
    with FileLock(BUILD / "servers-and-tables.lock"):
        if not stamp.exists() or stamp.read_bytes() != TOOLS.read_bytes():
            make = [str(ENVIRONMENT / "bin" / "python"), "-m", "venv", "--clear", str(BUILD / "servers-and-tables")]
            subprocess.run(make, check=True)
            install = [str(python), "-m", "pip", "install", "-qq", "--no-deps", "--requirement", str(TOOLS)]
            subprocess.run(install, check=True)
            shutil.copy(TOOLS, stamp)
    return python


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder with the locked packages of Node.js that the tests need."""
    npm = required("npm", "npm")
    folder: Path = BUILD / "node"
    with FileLock(BUILD / "node.lock"):
        lock = folder / "package-lock.json"
        if not (folder / "node_modules").is_dir() or lock.read_bytes() != (NODE / lock.name).read_bytes():
            folder.mkdir(exist_ok=True)
            for name in ("package.json", lock.name):
                shutil.copy(NODE / name, folder)
            subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
    return folder / "node_modules"


@pytest.fixture(scope="session")
def package_data(tools: Path) -> Path:
    """The folder in which the packages with tables are installed."""
    (folder,) = (tools.parents[1] / "lib").glob("python3*/site-packages")
    return Path(folder)


def required(command: str, package: str) -> str:
    """The path of a command of Debian's. On CI it must be there, elsewhere the test is skipped."""
    found = shutil.which(command) or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{command}"), reverse=True)), None
    )
    if found is None:
        message = f"{command} is missing: apt-get install {package}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(true: Callable[[], bool], seconds: float = 120) -> None:
    """Returns when it has become true. A busy machine may take its time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"it did not become true within {seconds} s"
        time.sleep(0.02)


def wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Fails when `process` ends before, or two minutes have gone: some servers import a lot, on a busy machine."""
    for _ in range(1200):
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    pytest.fail(f"{process.args!r} does not listen on port {port}")


@contextlib.contextmanager
def postgres_cluster() -> Iterator[tuple[str, Callable[[], None]]]:
    """PostgreSQL on a free port, in a temporary folder: its SQLAlchemy URL, and what starts it."""
    initdb, server = required("initdb", "postgresql"), required("postgres", "postgresql")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    user = "postgres" if os.getuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    port = free_port()
    data = str(folder / "data")
    subprocess.run(
        [initdb, "-D", data, "-U", "ada", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [server, "-D", data, "-p", str(port), "-k", str(folder), "-c", "listen_addresses=127.0.0.1"]
        running.append(subprocess.Popen(command, user=user, cwd=folder, stderr=subprocess.DEVNULL))
        wait_until_listening(port, running[-1])
        time.sleep(0.5)

    try:
        yield f"postgresql+psycopg://ada:s3cr3t@127.0.0.1:{port}/postgres", start
    finally:
        for process in running:
            process.terminate()
            process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL that runs."""
    with postgres_cluster() as (url, start):
        start()
        yield url


@pytest.fixture(scope="session")
def s3(tools: Path) -> Iterator[str]:
    """An S3 server on loopback with a bucket; its address."""
    port = free_port()
    process = subprocess.Popen(
        [str(tools.parent / "moto_server"), "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        make = f"import boto3; boto3.client('s3', endpoint_url={url!r}).create_bucket(Bucket='bucket')"
        for _ in range(100):
            if subprocess.run([str(tools), "-c", make], capture_output=True).returncode == 0:
                break
            time.sleep(0.2)
        yield url
    process.terminate()
    process.wait(30)


def make_bucket(tools: Path, s3: str, name: str) -> None:
    code = f"import boto3; boto3.client('s3', endpoint_url={s3!r}).create_bucket(Bucket={name!r})"
    subprocess.run([str(tools), "-c", code], check=True)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's browser, in which pages may take their time. On CI it must be there."""
    expect.set_options(timeout=60_000)
    path = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if os.access(path, os.X_OK)), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is missing: apt-get install chromium")
        pytest.skip("chromium is not installed (apt-get install chromium)")
    return path


@pytest.fixture(scope="session")
def version_1(deployed: BakedProject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was deployed first, whatever other tests deploy later."""
    return shutil.copytree(deployed.root / "deploy", tmp_path_factory.mktemp("version_1") / "deploy")


@pytest.fixture
def apart(deployed: BakedProject, version_1: Path, tmp_path: Path) -> Callable[..., BakedProject]:
    """A copy of what was deployed first, with other settings in its params.yaml, and a prediction log of its own."""

    def copied(**values: str) -> BakedProject:
        shutil.copytree(version_1, tmp_path / "deploy", dirs_exist_ok=True)
        shutil.copy(deployed.root / "Makefile", tmp_path)
        if not (tmp_path / ".venv").is_symlink():
            (tmp_path / ".venv").symlink_to(deployed.root / ".venv")
        text = deployed.text("params.yaml")
        for name, value in values.items():
            text, found = re.subn(rf"(?m)^  {name}: .*$", f"  {name}: {value}", text)
            assert found == 1
        (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
        return BakedProject(tmp_path)

    return copied


@pytest.fixture
def example(deployed: BakedProject) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(deployed.text("deploy/bundles/1/schema.json"))["example"]
    return found


def post(url: str, body: Any, path: str = "/v1/predict", key: str | None = None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)
