"""The template in, a rendered project in build/ out. Rendered again, it keeps its environment, data and results."""

from __future__ import annotations

import argparse
import filecmp
import shutil
import tempfile
from pathlib import Path

from cookiecutter.main import cookiecutter

TEMPLATE = Path(__file__).resolve().parents[1]
BUILD = TEMPLATE / "build"
ENVIRONMENT = BUILD / "venv"
DEMO = BUILD / "flight-delays"


def bake(output: Path, *, hooks: bool = True, **answers: str) -> Path:
    """A fresh project below `output`, by the answers given and the defaults for the rest."""
    made = cookiecutter(str(TEMPLATE), no_input=True, extra_context=answers, output_dir=str(output), accept_hooks=hooks)
    return Path(made)


def rebake(project: Path, **answers: str) -> None:
    """Bring what the template wrote into `project` up to date, and leave everything else as it is."""
    listing = project.with_suffix(".files")
    with tempfile.TemporaryDirectory() as folder:
        fresh = bake(Path(folder), hooks=not project.exists(), project_slug=project.name, **answers)
        files = sorted(str(path.relative_to(fresh)) for path in fresh.rglob("*") if path.is_file())
        if not project.exists():
            shutil.move(fresh, project)
        else:
            _update(project, fresh, [name for name in files if not name.startswith(".git/")])
            for name in set(listing.read_text(encoding="utf-8").splitlines()) - set(files):
                (project / name).unlink(missing_ok=True)
    listing.write_text("\n".join(name for name in files if not name.startswith(".git/")), encoding="utf-8")
    share_environment(project)


def share_environment(project: Path) -> None:
    """All projects in build/ and in the tests use one environment: they have the same lock."""
    ENVIRONMENT.mkdir(parents=True, exist_ok=True)
    if not (project / ".venv").exists():
        (project / ".venv").symlink_to(ENVIRONMENT)


def _update(project: Path, fresh: Path, files: list[str]) -> None:
    for name in files:
        target = project / name
        if not target.exists() or not filecmp.cmp(fresh / name, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(fresh / name, target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("answers", nargs="*", metavar="key=value", help="answers other than the defaults")
    given = dict(answer.split("=", 1) for answer in parser.parse_args().answers)
    BUILD.mkdir(exist_ok=True)
    rebake(DEMO, **given)
    print(f"bake      {DEMO.relative_to(TEMPLATE)}")
