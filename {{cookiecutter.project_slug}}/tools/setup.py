"""Make the project's environment from its lock. Needs nothing but a Python; `make setup` runs it.

Finds a Python that the project runs on, gets Poetry into .poetry/ where none that fits is installed,
installs poetry.lock into .venv/. An index without PyPI's JSON, which Poetry needs, is handled.
Further arguments go to `poetry install`: `--only main` installs what a server needs, and no more.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
LOCKED_POETRY = TOOLS / "poetry.txt"
OLDEST_POETRY = (2, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, default=Path.cwd(), help="folder with pyproject.toml and poetry.lock")
    options, for_poetry = parser.parse_known_args()
    project = options.project.resolve()
    python = find_python(project)
    say(f"Python {version_of(python)[1]} at {python}")
    poetry = find_poetry(project, make_environment(project, python))
    command = [poetry, "install", *for_poetry]
    run(command, project, "Installing the locked packages failed; run `make setup` again when the cause is mended.")


def find_python(project: Path) -> str:
    """The first interpreter within `requires-python`; the one named in .python-version is asked first."""
    lowest, above = supported(project)
    known = project / ".python-version"
    preferred = known.read_text(encoding="utf-8").split()[:1] if known.is_file() else []
    minors = [f"{lowest[0]}.{minor}" for minor in reversed(range(lowest[1], above[1]))]
    ordered = [*preferred, *(minor for minor in minors if minor not in preferred)]
    incomplete = []
    for candidate in candidates(ordered):
        found = version_of(candidate)
        if found and lowest <= found[0] < above:
            if makes_environments(found[2]):
                return found[2]
            incomplete.append(found[2])
    if incomplete:
        raise SystemExit(
            f"setup: {incomplete[0]} lacks its venv package. Install it (Debian, Ubuntu: `apt-get install "
            f"python3-venv`), then run `make setup` again."
        )
    wanted = " or ".join(ordered)
    raise SystemExit(
        f"setup: no Python {wanted} on this machine (this is {sys.version.split()[0]}). Install one, for example "
        f"`uv python install {ordered[0]}`, `pyenv install {ordered[0]}` or your system's python{ordered[0]} with "
        f"its venv package, then run `make setup` again."
    )


def supported(project: Path) -> tuple[tuple[int, int], tuple[int, int]]:
    """Lowest and first excluded (major, minor) of `requires-python = ">=a.b,<c.d"`."""
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^requires-python = ">=(\d+)\.(\d+),<(\d+)\.(\d+)"', text, flags=re.MULTILINE)
    if not found:
        raise SystemExit('setup: pyproject.toml needs a line requires-python = ">=3.10,<3.12" (or other bounds).')
    low_major, low_minor, major, minor = map(int, found.groups())
    return (low_major, low_minor), (major, minor)


def candidates(minors: list[str]) -> list[str]:
    """Commands and paths that may be one of `minors`, likely ones first."""
    home = Path.home()
    folders = [
        Path(os.environ.get("PYENV_ROOT", home / ".pyenv")) / "versions",
        Path(os.environ.get("UV_PYTHON_INSTALL_DIR", home / ".local" / "share" / "uv" / "python")),
    ]
    paths = []
    for minor in minors:
        name = f"python{minor}"
        paths += [name, f"/usr/bin/{name}", f"/usr/local/bin/{name}", f"/opt/homebrew/bin/{name}"]
        for folder in folders:
            paths += [str(path) for path in sorted(folder.glob(f"*{minor}*/bin/{name}"), reverse=True)]
    return [*paths, sys.executable]


def version_of(command: str) -> tuple[tuple[int, int], str, str] | None:
    """(major, minor), full version and path of an interpreter; None when it does not start."""
    code = "import sys; print(*sys.version_info[:3], sys.executable)"
    try:
        done = subprocess.run([command, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    major, minor, micro, path = done.stdout.strip().split(" ", 3)
    return (int(major), int(minor)), f"{major}.{minor}.{micro}", path


def makes_environments(python: str) -> bool:
    """Debian and Ubuntu ship a Python without its venv package."""
    return subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0


def find_poetry(project: Path, python: str) -> str:
    """A Poetry that can read the lock and the index: $POETRY, the one on the path, or a private one.

    `python` is one that has pip, as that of the environment has; the system's may lack it.
    """
    trust_as_pip_does(python)
    mirror = index_without_json(python)
    if mirror:
        os.environ.setdefault("POETRY_PYPI_MIRROR_URL", mirror)
    given = os.environ.get("POETRY")
    if given:
        return given
    installed = shutil.which("poetry")
    if not mirror and installed and poetry_version(installed) >= OLDEST_POETRY:
        return installed
    private = project / ".poetry" / bin_folder() / "poetry"
    if poetry_version(str(private)) < OLDEST_POETRY:
        reason = "the package index needs its mirror plugin" if mirror else "none that is new enough is installed"
        say(f"Poetry into .poetry/ ({reason})")
        make = [python, "-m", "venv", "--clear", str(project / ".poetry")]
        run(make, project, "The private environment .poetry could not be made.")
        pip = [str(private.parent / "python"), "-m", "pip", "--disable-pip-version-check"]
        install = [*pip, "install", "-qq", "--requirement", str(LOCKED_POETRY)]
        run(install, project, "Poetry could not be installed: does pip reach its package index?")
    return str(private)


def poetry_version(command: str) -> tuple[int, int]:
    try:
        done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True, timeout=120)
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    found = re.search(r"(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def index_without_json(python: str) -> str | None:
    """pip's index when Poetry cannot ask it: it wants pages and releases in JSON, and many a mirror serves HTML, or
    pages only. None when it has both, or cannot be asked.
    """
    index = pip_index(python)
    if not index:
        return None
    for address in (f"{index}/six/", f"{index.removesuffix('/simple')}/pypi/six/1.17.0/json"):
        request = urllib.request.Request(address, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                if "json" not in answer.headers.get("Content-Type", ""):
                    return index
        except urllib.error.HTTPError:
            return index
        except OSError:
            return None
    return None


def trust_as_pip_does(python: str) -> None:
    """Behind a proxy with a certificate of its own, pip is told of it in its settings; Poetry reads these variables."""
    certificate = os.environ.get("PIP_CERT") or pip_setting(python, "global.cert")
    if certificate:
        os.environ.setdefault("REQUESTS_CA_BUNDLE", certificate)
        os.environ.setdefault("SSL_CERT_FILE", certificate)


def pip_index(python: str) -> str:
    """The address of the index that pip installs from, without a slash at its end; empty where pip cannot say."""
    index = os.environ.get("PIP_INDEX_URL") or pip_setting(python, "global.index-url")
    if not index:
        default = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
        index = subprocess.run([python, "-c", default], capture_output=True, text=True).stdout
    return index.strip().rstrip("/")


def pip_setting(python: str, name: str) -> str:
    """A value of pip's configuration files, empty where it is not set."""
    listed = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    found = re.search(rf"^{re.escape(name)}='(.*)'$", listed, flags=re.MULTILINE)
    return found[1] if found else ""


def make_environment(project: Path, python: str) -> str:
    """.venv/, unless there is one of the right Python already; returns its Python."""
    folder = (project / ".venv").resolve()
    inside = folder / bin_folder() / "python"
    found, expected = version_of(str(inside)), version_of(python)
    if not (found and expected and found[0] == expected[0]):
        say("environment into .venv/")
        run([python, "-m", "venv", "--clear", str(folder)], project, "The environment .venv could not be made.")
    return str(inside)


def bin_folder() -> str:
    return "Scripts" if os.name == "nt" else "bin"


def run(command: list[str], project: Path, failure: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    if subprocess.run(command, cwd=project, env=environment).returncode:
        raise SystemExit(f"setup: {failure}")


def say(text: str) -> None:
    print(f"setup     {text}", flush=True)


if __name__ == "__main__":
    main()
