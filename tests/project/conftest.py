"""One rendered project, taken further by each fixture; every step is a make target, as its user calls it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from demo import serving

from ..conftest import BakedProject


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
def chromium() -> str:
    """Debian's browser. On CI it must be there."""
    path = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if os.access(path, os.X_OK)), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is missing: apt-get install chromium")
        pytest.skip("chromium is not installed (apt-get install chromium)")
    return path
