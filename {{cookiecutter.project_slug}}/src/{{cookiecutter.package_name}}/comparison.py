"""The workspace beside a commit, for who reviews a change: metrics and parameters as Markdown, plots as a page."""

from __future__ import annotations

import subprocess

from . import dvc
from .errors import ProjectError
from .layout import Layout, replacing

PARTS = {"Metrics": ("metrics", "diff", "--md", "--precision", "4"), "Parameters": ("params", "diff", "--md")}
"""Title to the command of DVC that tells it."""


def run(layout: Layout, revision: str) -> str:
    """Writes `report.md` and `plots/index.html` to results/comparison/, and returns where.

    Raises ProjectError when `revision` is no commit of this repository.
    """
    known = ["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"]
    if subprocess.run(known, cwd=layout.root, capture_output=True).returncode:
        raise ProjectError(f"git knows no commit {revision} here; in a shallow clone, fetch it first.")
    target = layout.comparison
    with replacing(target) as folder:
        folder.mkdir()
        sections = [f"# This change beside {revision}"]
        for title, command in PARTS.items():
            table = dvc.told(*command, revision).strip()
            sections.append(f"## {title}\n\n{table or 'No difference.'}")
        dvc.told("plots", "diff", revision, "--out", str(folder / "plots"))
        (folder / "report.md").write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return f"{target / 'report.md'}, plots: {target / 'plots' / 'index.html'}"
