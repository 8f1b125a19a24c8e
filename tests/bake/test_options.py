"""Every option alone and every pair of them: which files, clean by which tools, and which pairs are refused."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from allpairspy import AllPairs
from bake import TEMPLATE, bake

from ..conftest import BakedProject
from .test_render import FILES

LICENCES = {
    "MIT": "Permission is hereby granted, free of charge",
    "BSD-3-Clause": "Redistribution and use in source and binary forms",
    "Apache-2.0": "http://www.apache.org/licenses/",
    "Proprietary": "All rights reserved.",
}
CHOICES = {
    "dataset": ["flights", "own"],
    "task": ["classification", "regression", "clustering", "anomaly", "forecasting"],
    "remote": ["local", "s3", "gs", "azure", "ssh"],
    "ci": ["github", "gitlab", "jenkins", "none"],
    "container": ["yes", "no"],
    "course": ["no", "yes"],
    "license": list(LICENCES),
    "python_version": ["3.11", "3.10"],
}
UNSUPPORTED = [
    {"course": "yes", "dataset": "own"},
    {"course": "yes", "task": "regression"},
    {"course": "yes", "task": "clustering"},
    {"course": "yes", "task": "anomaly"},
    {"course": "yes", "task": "forecasting"},
]
"""What is refused; all else is supported. (An own series also needs the column of its times.)"""

OF_OPTION: dict[tuple[str, str], set[str]] = {
    ("dataset", "own"): {"conf/source/own.yaml", "conf/task/own.yaml", "sql/own.sql"},
    ("ci", "github"): {".github/actions/setup/action.yml", ".github/workflows/ci.yml", ".github/workflows/docs.yml"},
    ("ci", "gitlab"): {".gitlab-ci.yml"},
    ("ci", "jenkins"): {"Jenkinsfile"},
    ("container", "yes"): {
        ".dockerignore", "deploy/Dockerfile", "deploy/compose.yaml", "deploy/kubernetes/api.yaml",
        "deploy/kubernetes/canary.yaml",
    },
    ("course", "yes"): {
        "course/README.md", "course/01-zones.md", "course/02-versions.md", "course/03-split.md", "course/04-search.md",
        "course/05-trust.md", "course/06-api.md", "course/07-rollout.md", "course/08-drift.md", "course/09-loop.md",
        "course/lecturers.md", "course/traffic.py",
    },
}  # fmt: skip
"""What a choice adds to what every project has."""

OF_FLIGHTS = re.compile(r"data/bundled/|conf/schema/|conf/(source/flights|task/)|sql/|params\.yaml|.*test_bundled_data")


def supported(answers: Mapping[str, str]) -> bool:
    return not any(refused.items() <= answers.items() for refused in UNSUPPORTED)


def pairs() -> list[dict[str, str]]:
    """Few answers that hold every supported pair of choices: first all without a course, then each choice with it."""
    free = {name: found for name, found in CHOICES.items() if name != "course"}
    without = [dict(zip(free, row, strict=True)) | {"course": "no"} for row in AllPairs(list(free.values()))]
    taught = {"dataset": "flights", "task": "classification", "course": "yes"}
    most = max(len(found) for found in free.values())
    return without + [{name: found[row % len(found)] for name, found in free.items()} | taught for row in range(most)]


def expected(answers: Mapping[str, str]) -> set[str]:
    """The files of a project by these answers; the package is called PACKAGE."""
    optional = {name for names in OF_OPTION.values() for name in names} | {".github/workflows/retrain.yml"}
    files = FILES - optional
    if answers["dataset"] == "own":
        files = {name for name in files if not OF_FLIGHTS.match(name)}
    elif answers["task"] != "classification":
        files = files - {"params.yaml"}
    for choice in answers.items():
        files |= OF_OPTION.get(choice, set())
    if answers["ci"] == "github" and answers["remote"] != "local":
        files |= {".github/workflows/retrain.yml"}
    return files


def baked_by(answers: Mapping[str, str], folder: Path) -> BakedProject:
    own = {"time_column": "at"} if answers["dataset"] == "own" and answers["task"] == "forecasting" else {}
    return BakedProject(bake(folder, author_name="Ada Lovelace", **answers, **own))


def test_the_choices_are_those_of_the_template() -> None:
    options = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    assert {name: found for name, found in options.items() if isinstance(found, list) and name[0] != "_"} == CHOICES


def test_every_supported_pair_of_choices_is_in_the_cover() -> None:
    covered = {frozenset(pair) for answers in pairs() for pair in itertools.combinations(answers.items(), 2)}
    for one, other in itertools.combinations(CHOICES, 2):
        for pair in itertools.product(CHOICES[one], CHOICES[other]):
            answers = {one: pair[0], other: pair[1]}
            assert (frozenset(answers.items()) in covered) == supported(answers)


@pytest.mark.parametrize("answers", pairs(), ids=lambda answers: "-".join(answers.values()))
def test_a_render_has_exactly_its_files_and_the_code_of_all(
    answers: dict[str, str], baked: BakedProject, tmp_path: Path
) -> None:
    """No choice changes the code, nor how it is checked: one check of style and types, as by `make lint` of a project,
    is one of all. What the course adds is checked in test_render.
    """
    project = baked_by(answers, tmp_path)
    files = project.files()
    assert {name.replace("src/flight_delays/", "src/PACKAGE/") for name in files} == expected(answers)
    assert [path for path in project.root.glob("[!.]*/**") if path.is_dir() and not any(path.iterdir())] == []
    check_licence(project, answers["license"])
    assert project.text(".python-version") == f"{answers['python_version']}\n"
    code = {name for name in files if name.endswith(".py")} - OF_OPTION["course", "yes"]
    same = [*code, ".pre-commit-config.yaml", "poetry.lock"]
    assert [name for name in same if project.text(name) != baked.text(name)] == []
    assert _tools(project) == _tools(baked)
    for name in files - {name for name in files if name.endswith(".gz")}:
        text = project.text(name)
        assert not text or re.search(r"\S\n\Z", text), f"{name} does not end with one line feed"
        assert not re.search(r"[ \t]$", text, flags=re.MULTILINE), f"{name} has spaces at the end of a line"
        if name.endswith((".yaml", ".yml")):
            list(yaml.parse(text))


def check_licence(project: BakedProject, licence: str) -> None:
    text = project.text("LICENSE")
    assert LICENCES[licence] in text
    assert "Ada Lovelace" in text
    assert sum(sign in text for sign in LICENCES.values()) == 1
    named = "LicenseRef-Proprietary" if licence == "Proprietary" else licence
    assert f'license = "{named}"' in project.text("pyproject.toml")


@pytest.mark.parametrize("answers", UNSUPPORTED, ids=lambda answers: "-".join(answers.values()))
def test_an_unsupported_pair_is_refused_in_words(
    answers: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from cookiecutter.exceptions import FailedHookException

    with pytest.raises(FailedHookException):
        bake(tmp_path, **answers)
    assert "Use dataset=flights and task=classification, or course=no" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def _tools(project: BakedProject) -> str:
    """All of pyproject.toml but what the project is called and by whom."""
    return project.text("pyproject.toml").partition("dependencies = [")[2]
