"""tools/setup.py: which Python, which Poetry, and an index without JSON."""

from __future__ import annotations

import http.server
import importlib.util
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest
from bake import TEMPLATE, bake
from demo import environment

from ..conftest import BakedProject

SCRIPT = TEMPLATE / "{{cookiecutter.project_slug}}" / "tools" / "setup.py"
PYPROJECT = """
[project]
name = "small"
version = "0.1.0"
requires-python = ">={low},<{high}"
dependencies = ["six==1.17.0"]

[tool.poetry]
package-mode = false
"""


@pytest.fixture(scope="module")
def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("project_setup", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Index]]:
    """A package index on loopback that pip is told to use."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple/")
    monkeypatch.delenv("POETRY_PYPI_MIRROR_URL", raising=False)
    yield Index
    server.shutdown()
    server.server_close()


class Index(http.server.BaseHTTPRequestHandler):
    speaks: ClassVar[str] = "text/html"
    releases: ClassVar[bool] = True

    def do_GET(self) -> None:
        self.send_response(404 if self.path.startswith("/pypi/") and not self.releases else 200)
        self.send_header("Content-Type", self.speaks)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def small_project(folder: Path, low: str, high: str) -> Path:
    (folder / "pyproject.toml").write_text(PYPROJECT.format(low=low, high=high), encoding="utf-8")
    (folder / "poetry.toml").write_text("[virtualenvs]\nin-project = true\n", encoding="utf-8")
    return folder


def run_setup(project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--project", str(project)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True)


def test_where_no_python_fits_one_line_says_what_to_do(tmp_path: Path) -> None:
    done = run_setup(small_project(tmp_path, "3.97", "3.99"))
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "no Python 3.98 or 3.97 on this machine" in done.stderr
    assert "uv python install 3.98" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_python_without_its_venv_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = small_project(tmp_path, "3.10", "3.14")
    (tmp_path / "ensurepip.py").write_text("raise ImportError", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = run_setup(project)
    assert done.returncode == 1
    assert "lacks its venv package. Install it (Debian, Ubuntu: `apt-get install python3-venv`)" in done.stderr


def test_the_python_named_in_the_project_is_looked_for_first(setup: ModuleType, tmp_path: Path) -> None:
    project = small_project(tmp_path, "3.10", "3.14")
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    (project / ".python-version").write_text(f"{here}\n", encoding="utf-8")
    assert setup.version_of(setup.find_python(project))[0] == sys.version_info[:2]


def test_poetry_is_fetched_where_it_is_missing_also_by_a_python_without_pip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pip = tmp_path / "without-pip"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", without_pip], check=True)
    project = small_project(tmp_path, "3.10", "3.14")
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    (project / ".python-version").write_text(f"{here}\n", encoding="utf-8")
    monkeypatch.setenv("PATH", f"{without_pip / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr("demo.TEMPLATE", tmp_path / "nowhere")
    done = run_setup(project)
    assert f"setup     Python {here}" in done.stdout
    assert str(without_pip) in done.stdout
    assert "Poetry into .poetry/" in done.stdout
    assert (project / ".poetry" / "bin" / "poetry").is_file()
    done = run_setup(project)
    assert "Poetry into" not in done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    imported = subprocess.run(
        [project / ".venv/bin/python", "-c", "import six; print(six.__version__)"], capture_output=True
    )
    assert imported.stdout.strip() == b"1.17.0"


def test_a_poetry_that_is_too_old_is_not_used(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "old"], check=True)
    pip = [str(tmp_path / "old" / "bin" / "python"), "-m", "pip", "install", "-qq", "poetry==1.8.5"]
    subprocess.run(pip, check=True)
    old = tmp_path / "old" / "bin"
    assert setup.poetry_version(str(old / "poetry")) == (1, 8)
    project = small_project(tmp_path, "3.10", "3.14")
    monkeypatch.setenv("PATH", f"{old}:/usr/bin:/bin")
    monkeypatch.delenv("POETRY", raising=False)
    assert setup.find_poetry(project, sys.executable) == str(project / ".poetry" / "bin" / "poetry")


def test_a_project_runs_on_python_3_10_from_the_same_lock(tmp_path: Path, setup: ModuleType) -> None:
    if setup.version_of("python3.10") is None and not list((Path.home() / ".pyenv" / "versions").glob("3.10.*")):
        pytest.skip("there is no Python 3.10 on this machine")
    project = BakedProject(bake(tmp_path, project_name="On Ten", python_version="3.10"))
    assert "Python 3.10" in project.make("setup")
    assert re.search(r"\d+ passed", project.make("test"))


@pytest.mark.parametrize(
    ("speaks", "releases", "enough"),
    [("text/html", True, False), ("application/json", True, True), ("application/json", False, False)],
)
def test_an_index_without_the_json_that_poetry_needs_is_recognised(
    speaks: str, releases: bool, enough: bool, setup: ModuleType, index: type[Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "speaks", speaks)
    monkeypatch.setattr(index, "releases", releases)
    found = setup.index_without_json(sys.executable)
    assert (found is None) == enough
    assert found is None or found.endswith("/simple")


def test_an_index_that_cannot_be_asked_is_left_alone(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert setup.index_without_json(sys.executable) is None


def test_the_certificate_of_pip_is_handed_to_poetry(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "pip.conf"
    settings.write_text("[global]\ncert = /company/root.pem\n", encoding="utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    setup.trust_as_pip_does(sys.executable)
    assert os.environ.pop("REQUESTS_CA_BUNDLE") == "/company/root.pem"
    assert os.environ.pop("SSL_CERT_FILE") == "/company/root.pem"
