"""The workspace beside a commit, for who reviews a change: metrics, parameters and plots as a page and as Markdown."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import escape

from . import dvc
from .errors import ProjectError
from .layout import PACKAGE, Layout, replacing
from .monitoring import charts

PARTS = {"Metrics": ("metrics", "diff", "--md", "--precision", "4"), "Parameters": ("params", "diff", "--md")}
"""Title to the command of DVC that tells it."""


def run(layout: Layout, revision: str) -> str:
    """Writes `index.html` with its `plots/`, and `report.md` for a pull request, to results/comparison/; says where.

    Raises ProjectError when `revision` is no commit of this repository.
    """
    known = ["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"]
    if subprocess.run(known, cwd=layout.root, capture_output=True).returncode:
        raise ProjectError(f"git knows no commit {revision} here; in a shallow clone, fetch it first.")
    target = layout.comparison
    with replacing(target) as folder:
        (folder / "plots").mkdir(parents=True)
        sections = [f"# This change beside {revision}"]
        for title, command in PARTS.items():
            table = dvc.told(*command, revision).strip()
            sections.append(f"## {title}\n\n{table or 'No difference.'}")
        report = "\n\n".join(sections) + "\n"
        (folder / "report.md").write_text(report, encoding="utf-8")
        tables = MarkdownIt("commonmark", {"html": False}).enable("table").render(report)
        pictures = "".join(
            f'<figure><img src="plots/{escape(picture)}" alt="{escape(name)}"></figure>\n'
            for picture, name in _drawn(revision, folder / "plots")
        )
        page = charts.page(f"{PACKAGE} beside {revision}", f"{tables}<h2>Plots</h2>\n{pictures or 'None.'}")
        (folder / "index.html").write_text(page, encoding="utf-8")
    return f"{target / 'index.html'}, for a pull request: {target / 'report.md'}"


def _drawn(revision: str, folder: Path) -> list[tuple[str, str]]:
    """The plots of dvc.yaml as pictures in `folder`, file and name of each; DVC's own page loads Vega from the net."""
    import vl_convert

    found = json.loads(dvc.told("plots", "diff", revision, "--json", "--out", str(folder)))["data"]
    pictures = []
    for name, plots in found.items():
        for plot in plots:
            if plot["type"] == "vega":
                path = folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', name)}.svg"
                path.write_text(vl_convert.vegalite_to_svg(plot["content"], allowed_base_urls=[]), encoding="utf-8")
            else:
                path = Path(plot["url"])
            pictures.append((path.name, f"{name}: {', '.join(plot['revisions'])}"))
    return pictures
