"""docs/reference.md: options, targets, commands, settings and routes, each read where it is defined."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bake import DEMO, TEMPLATE

PAGE = TEMPLATE / "docs" / "reference.md"
OF_PACKAGE = """
import json, sys
import click
from PACKAGE import cli, config
from PACKAGE.layout import Layout
from PACKAGE.serving.live import Live

def taken(command):
    context = click.Context(command)
    for one in sorted(command.params, key=lambda one: isinstance(one, click.Option)):
        if isinstance(one, click.Argument):
            yield one.make_metavar(context)
        else:
            yield "/".join([*one.opts, *one.secondary_opts]) + ("" if one.is_flag else " " + one.make_metavar(context))

def commands(group, above=""):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, above + name + " ")
        else:
            yield above + name, list(taken(command)), command.get_short_help_str(200)

app = Live(config.load(Layout()), Layout()).app
routes = [
    (method, rule.rule, app.view_functions[rule.endpoint].__doc__)
    for rule in app.url_map.iter_rules() if rule.endpoint != "static" and not rule.endpoint.endswith(".static")
    for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
]
documented = app.test_client().get("/docs/openapi.json").get_json()["paths"]
json.dump({"commands": list(commands(cli.main)), "routes": routes, "documented": documented}, sys.stdout)
"""


def main() -> None:
    PAGE.write_text(page(DEMO), encoding="utf-8")
    print(f"reference {PAGE.relative_to(TEMPLATE)}")


def page(project: Path) -> str:
    """The whole page; commands and routes are asked of a `project` that is set up and has a deployment."""
    package = next((project / "src").iterdir()).name
    asked = [".venv/bin/python", "-c", OF_PACKAGE.replace("PACKAGE", package)]
    found = json.loads(subprocess.run(asked, cwd=project, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout)
    sections = [
        ("Options of the template", ("option", "default", "choices or meaning"), options()),
        ("Targets of a generated project", ("`make`", "does"), targets(project / "Makefile")),
        ("Commands of its package", ("`python -m <package>`", "takes", "does"), commands(found["commands"])),
        ("Routes of its API", ("route", "answers"), routes(found)),
        ("Settings", ("file of `conf/`, key", "value", "meaning"), settings(project / "conf")),
    ]
    head = "# Reference\n\nWritten by `make reference` from the sources; a test holds it to them.\n"
    return (
        "\n".join([head, *(f"## {title}\n\n{table(names, rows)}\n" for title, names, rows in sections)]).rstrip() + "\n"
    )


def table(names: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(line(cells) for cells in (names, ("---",) * len(names), *rows))


def line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def options() -> Iterator[tuple[str, ...]]:
    """Of cookiecutter.json, with the words of its prompts."""
    known: dict[str, Any] = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    prompts = known["__prompts__"]
    for name, default in known.items():
        if name.startswith("_"):
            continue
        prompt = prompts[name]
        meaning = prompt if isinstance(prompt, str) else "; ".join(_choices(prompt))
        first = default[0] if isinstance(default, list) else default
        yield f"`{name}`", f"`{first}`" if first and "{{" not in first else "from the name" if first else "", meaning


def _choices(prompt: dict[str, str]) -> Iterator[str]:
    yield prompt["__prompt__"]
    for value, meaning in prompt.items():
        if value != "__prompt__":
            yield f"`{value}`: {meaning.removeprefix(value).removeprefix(':').strip()}".removesuffix(": ")


def targets(makefile: Path) -> Iterator[tuple[str, ...]]:
    for name, meaning in re.findall(
        r"^([a-z-]+):.*?## (.*)$", makefile.read_text(encoding="utf-8"), flags=re.MULTILINE
    ):
        yield f"`{name}`", meaning


def commands(found: list[tuple[str, list[str], str]]) -> Iterator[tuple[str, ...]]:
    for name, takes, does in found:
        yield f"`{name}`", ", ".join(f"`{one}`" for one in takes), does


def routes(found: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for method, path, documentation in sorted(found["routes"], key=lambda one: one[1]):
        entry = found["documented"].get(re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", path), {})
        yield (
            f"`{method} {path}`",
            entry.get(method.lower(), {}).get("summary") or (documentation or "").partition("\n")[0].rstrip("."),
        )


def settings(conf: Path) -> Iterator[tuple[str, ...]]:
    """Each `key: value  # meaning` of conf/; indented keys are named by their path. Schemas and sources have pages."""
    for file in sorted(conf.rglob("*.yaml")):
        group = file.relative_to(conf).with_suffix("").as_posix()
        if group.startswith(("schema/", "source/", "experiment/", "task/")):
            continue
        path: list[tuple[int, str]] = []
        for line in file.read_text(encoding="utf-8").splitlines():
            matched = re.match(r"^( *)([a-z_]+):(?: +(\S.*?))??(?: *#+ (.*))?$", line)
            if not matched or matched[2] == "defaults":
                continue
            indent, key, value, meaning = matched.groups()
            path = [*(one for one in path if one[0] < len(indent)), (len(indent), key)]
            if value:
                yield f"{group}: `{'.'.join(name for _, name in path)}`", f"`{value}`", meaning or ""


if __name__ == "__main__":
    main()
