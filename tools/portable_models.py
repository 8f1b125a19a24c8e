"""Every estimator that PyCaret offers under the lock: does it have a portable form, and how exact is it?

`make portable-models` after `make demo` trains each on a few hundred of the flights and writes docs/portable-models.md.
"""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bake import DEMO, TEMPLATE

PAGE = TEMPLATE / "docs" / "portable-models.md"
TASKS = {
    "late": "classification, two classes",
    "delay_kind": "classification, three classes",
    "delay": "regression",
    "routes": "clustering",
    "airport_days": "anomaly",
}
"""The questions about the flights that are asked."""

JOINED = ("Stacking", "Voting")
"""Made of other models, by automl.improve only."""

ABOUT = """# Which models have a portable form

Made by `make portable-models`, and held true by a test. Every estimator that PyCaret offers under the lock, trained on
400 of the flights, and the first form in which it answers as it does in PyCaret: ONNX, for which serving needs nothing
else; ONNX for the preparation and skops for the estimator, which needs the group `native`; or none: it is refused
at training. The difference is the largest one on the hold-out, missing values, categories never seen and numbers far
outside: of a probability, or in standard deviations of the answers. Votes and stacks have the form of their parts. A
forecaster is a table of the times ahead, which is exact whatever it is.
"""

TRY = """
import contextlib, io, json, sys, tempfile, warnings
from pathlib import Path
import yaml
from {package} import compose, config, kinds
from {package}.layout import Layout
from {package}.models import automl
from {package}.pipeline import export, split

warnings.filterwarnings("ignore")
real, layout = Layout(), Layout(Path(tempfile.mkdtemp()))
layout.exploitation.parent.mkdir(parents=True)
layout.exploitation.symlink_to(real.exploitation.resolve())
overrides = [f"task={{sys.argv[1]}}", "split=random", "automl=quick", "automl.screening=null", "automl.folds=2"]
settings = config.parse(yaml.safe_load(compose.composed(real, overrides)), "conf/")
task, kind = settings.task, kinds.of(settings.task)
with contextlib.redirect_stdout(io.StringIO()):
    split.run(settings, layout)
parts = {{name: rows.head(400) for name, rows in split.read_all(settings, layout).items()}}


def tried(name):
    told = io.StringIO()
    one = settings.automl.model_copy(update={{"models": (name,)}})
    try:
        with contextlib.redirect_stdout(told):
            model = automl.search(one, task, parts["train"], parts["validation"], 7, method="random").model
            found = export.portable(settings, *kind.deployable(model, parts)).parity
        name = type(model.estimator).__name__
        return {{"estimator": name, "form": found["form"], "off": found["largest_difference"]}}
    except Exception as error:
        lines = [line for line in told.getvalue().splitlines() if "left out" in line]
        return {{"estimator": "", "form": "refused", "off": None, "why": lines[-1][10:] if lines else str(error)}}


for name in automl.known(settings.automl, task, parts["train"], parts["validation"], 7):
    print(json.dumps({{"id": name, **tried(name)}}), flush=True)
"""


def tried(project: Path, task: str) -> list[dict[str, Any]]:
    """Each estimator by `id`, in a project whose exploitation zone is full: its form, or why it is refused."""
    (package,) = (path.name for path in (project / "src").iterdir() if path.is_dir())
    command = [str(project / ".venv" / "bin" / "python"), "-W", "ignore", "-c", TRY.format(package=package), task]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    return [row for row in map(json.loads, done.stdout.splitlines()) if row["id"] not in JOINED]


def forms(project: Path) -> dict[str, list[dict[str, Any]]]:
    """`tried` for each of TASKS, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(TASKS, pool.map(lambda task: tried(project, task), TASKS), strict=True))


def page(found: dict[str, list[dict[str, Any]]]) -> str:
    lines = [ABOUT.rstrip()]
    for task, rows in found.items():
        lines += ["", f"## {TASKS[task].capitalize()} (`task: {task}`)", ""]
        lines += ["| PyCaret | estimator | form | largest difference |", "|---|---|---|---|"]
        for row in rows:
            off = row["why"].strip() if row["off"] is None else f"{row['off']:.0e}"
            lines.append(f"| `{row['id']}` | {row['estimator']} | {row['form']} | {off} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    PAGE.write_text(page(forms(DEMO)), encoding="utf-8")
    print(f"portable  {PAGE.relative_to(TEMPLATE)}")


if __name__ == "__main__":
    main()
