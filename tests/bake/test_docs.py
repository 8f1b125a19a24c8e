"""The handbook is true: links lead somewhere, commands exist, and the messages it explains are those of the code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import reference
from bake import TEMPLATE, bake

from ..conftest import BakedProject

HANDBOOK = sorted([*(TEMPLATE / "docs").glob("*.md"), *TEMPLATE.glob("*.md")])
OF_OTHERS = ("failed to transfer", "Unable to interpret changes", "Invalid Host header")
"""Messages of DVC, Cruft and MLflow."""


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> BakedProject:
    return BakedProject(bake(tmp_path_factory.mktemp("taught"), course="yes"))


def pages(project: BakedProject) -> Iterator[Path]:
    yield from HANDBOOK
    yield from (project.root / name for name in sorted(project.files()) if re.fullmatch(r"(?!src/).*\.md", name))


def test_every_link_leads_to_a_file(taught: BakedProject) -> None:
    lost = [
        f"{page.name}: {target}"
        for page in pages(taught)
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert lost == []


def test_every_command_exists(taught: BakedProject) -> None:
    """Targets of make, of the template in its own pages, and commands of the package."""
    targets = {name.strip("`") for name, _ in reference.targets(taught.root / "Makefile")}
    own = {name.strip("`") for name, _ in reference.targets(TEMPLATE / "Makefile")}
    text = (TEMPLATE / "docs" / "reference.md").read_text(encoding="utf-8").partition("## Commands")[2]
    commands = {name.split()[0] for name in re.findall(r"^\| `([a-z ]+)` \|", text, flags=re.MULTILINE)}
    unknown = set()
    for page in pages(taught):
        for line in re.findall(r"(?:^ +|`|&& )make ([a-z][^`&|#\n]*)", page.read_text(encoding="utf-8"), re.MULTILINE):
            words = shlex.split(line.replace("…", ""), posix=False)
            called = {word for word in words if re.fullmatch(r"[a-z-]+", word)}
            unknown |= {f"{page.name}: make {word}" for word in called - targets - own}
        for name in re.findall(r"python -m (?:<package>|flight_delays) ([a-z]+)", page.read_text(encoding="utf-8")):
            unknown |= {f"{page.name}: {name}"} - {f"{page.name}: {known}" for known in commands}
    assert unknown == set()


def test_every_message_of_the_troubleshooting_is_one_of_the_code(taught: BakedProject) -> None:
    sources = [*(TEMPLATE / "hooks").glob("*.py"), taught.root / "Makefile", taught.root / "tools" / "setup.py"]
    code = "".join(path.read_text(encoding="utf-8") for path in [*sources, *(taught.root / "src").rglob("*.py")])
    code = re.sub(r'"\s*(?:#[^\n]*)?\n\s*f?"', "", code)  # literals over several lines
    text = (TEMPLATE / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)
    assert len(messages) > 25
    parts = [part.strip() for message in messages if message not in OF_OTHERS for part in message.split("…")]
    assert [part for part in parts if part not in code and not part.startswith(OF_OTHERS)] == []


def test_the_tables_of_options_and_targets_are_those_of_the_sources(baked: BakedProject) -> None:
    """Commands, routes and settings are compared in tests/project, where the package is installed."""
    text = (TEMPLATE / "docs" / "reference.md").read_text(encoding="utf-8")
    for rows in (
        reference.options(),
        reference.targets(baked.root / "Makefile"),
        reference.settings(baked.root / "conf"),
    ):
        for row in rows:
            assert reference.line(row) in text
