"""What a render holds. Nothing is installed or run here but git and ruff."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from bake import TEMPLATE, bake
from demo import environment

from ..conftest import BakedProject

FILES = {line for line in (Path(__file__).parent / "files.txt").read_text(encoding="utf-8").splitlines() if line}
TAG = re.compile(r"cookiecutter[.\[]|\{%-? ")


def test_the_default_render_has_exactly_these_files(baked: BakedProject) -> None:
    found = {name.replace("src/flight_delays/", "src/PACKAGE/") for name in baked.files()}
    assert found == FILES


def test_a_number_to_predict_is_the_question_that_the_project_starts_with(tmp_path: Path) -> None:
    flights = BakedProject(bake(tmp_path, task="regression"))
    assert {name.replace("src/flight_delays/", "src/PACKAGE/") for name in flights.files()} == FILES - {"params.yaml"}
    assert "task: delay\n" in flights.text("conf/config.yaml")
    assert "residuals.csv" in flights.text("dvc.yaml")
    own = BakedProject(bake(tmp_path, project_name="Cars", dataset="own", task="regression"))
    assert "split: random\n" in own.text("conf/config.yaml")
    assert yaml.safe_load(own.text("conf/task/own.yaml"))["kind"] == "regression"


def test_an_own_render_has_the_files_for_a_table_and_none_of_the_bundled_data(tmp_path: Path) -> None:
    project = BakedProject(bake(tmp_path, dataset="own", project_name="Churn"))
    found = {name.replace("src/churn/", "src/PACKAGE/") for name in project.files()}
    assert found - FILES == {"conf/source/own.yaml", "conf/task/own.yaml", "sql/own.sql"}
    gone = {name.rsplit("/", 1)[0] if name.startswith(("data/", "conf/schema")) else name for name in FILES - found}
    assert gone == {
        "conf/schema", "conf/source/flights.yaml", "conf/task/airport_days.yaml", "conf/task/daily.yaml",
        "conf/task/delay.yaml", "conf/task/delay_kind.yaml", "conf/task/late.yaml", "conf/task/routes.yaml",
        "data/bundled", "params.yaml", "sql/airport_days.sql", "sql/daily.sql", "sql/routes.sql",
        "sql/departures.sql", "tests/data/test_bundled_data.py",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("", ""),
        ("my table.csv", "../my table.csv"),
        ("/data/a.csv", "/data/a.csv"),
        ("~/a.csv", "~/a.csv"),
        ("https://example.com/a.csv?x=1", "https://example.com/a.csv?x=1"),
    ],
)
def test_the_path_of_an_own_table_is_that_from_where_it_was_typed(given: str, written: str, tmp_path: Path) -> None:
    answers = {"target": "Größe (cm)", "key_columns": "id, Körper-Maß ,", "time_column": " at "}
    project = BakedProject(bake(tmp_path, dataset="own", project_name="Churn", data_path=given, **answers))
    source = yaml.safe_load(project.text("conf/source/own.yaml"))["own"]
    task = yaml.safe_load(project.text("conf/task/own.yaml"))
    assert source == {"kind": "file", "path": written, "key": ["id", "Körper-Maß"]}
    assert (task["target"], task["time"], task["key"]) == ("Größe (cm)", "at", ["id", "Körper-Maß"])
    assert "split: time" in project.text("conf/config.yaml")


def test_no_tag_is_left_unrendered(baked: BakedProject) -> None:
    left = []
    for name in baked.files():
        if name.endswith((".gz", ".html", "model_card.md")) or name == "poetry.lock":
            continue
        left += [f"{name}: {line}" for line in baked.text(name).splitlines() if TAG.search(line)]
    assert left == []


def test_names_follow_from_the_project_name(tmp_path: Path) -> None:
    project = BakedProject(bake(tmp_path, project_name="Überfällige Züge 2"))
    assert project.root.name == "uberfallige-zuge-2"
    assert project.has_file("src/uberfallige_zuge_2/cli.py")
    assert "# Überfällige Züge 2\n" in project.text("README.md")


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"project_name": "Z", "package_name": "z"},
        {"project_slug": "x" * 40},
        {"license": "Proprietary", "python_version": "3.10", "author_name": "Zoë O'Brien-Łukasz"},
        {"course": "yes"},
    ],
    ids=["default", "short", "long", "other", "course"],
)
def test_whatever_the_names_a_render_is_clean_by_ruff(answers: dict[str, str], tmp_path: Path) -> None:
    project = BakedProject(bake(tmp_path, **answers))
    ruff = str(Path(sys.executable).parent / "ruff")
    project.run(ruff, "check", ".")
    project.run(ruff, "format", "--check", ".")


@pytest.mark.parametrize("answers", [{}, {"license": "Proprietary", "python_version": "3.10", "project_name": "Own"}])
def test_the_lock_fits(answers: dict[str, str], tmp_path: Path) -> None:
    BakedProject(bake(tmp_path, **answers)).run(environment().get("POETRY", "poetry"), "check", "--lock", "--strict")


def test_a_render_is_one_commit_and_clean(baked: BakedProject) -> None:
    assert baked.run("git", "log", "--format=%s").splitlines() == ["Start from cookiecutter-dataops"]
    assert baked.run("git", "status", "--porcelain") == ""


def test_without_a_git_identity_a_project_is_made_and_the_user_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    nobody = tmp_path / "gitconfig"
    nobody.write_text("[user]\n\tuseConfigOnly = true\n", encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(nobody))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", str(nobody))
    project = BakedProject(bake(tmp_path))
    told = capfd.readouterr().out
    assert project.has_file("Makefile")
    assert "git made no first commit" in told
    assert "git config --global user.name" in told
    assert "make setup" in told


def test_without_git_a_project_is_made_and_the_user_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    project = BakedProject(bake(tmp_path))
    assert project.has_file("Makefile")
    assert "git is not installed" in capfd.readouterr().out


def test_without_hooks_the_same_files_are_rendered(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "cookiecutter"), "--no-input", "--accept-hooks", "no"]
    subprocess.run([*command, "--output-dir", str(tmp_path), str(TEMPLATE)], check=True, capture_output=True)
    project = BakedProject(tmp_path / "flight-delays")
    assert {name.replace("src/flight_delays/", "src/PACKAGE/") for name in project.files()} == FILES


def test_every_option_has_a_prompt() -> None:
    options = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    public = {name for name in options if not name.startswith("_")}
    assert set(options["__prompts__"]) == public


def test_every_make_target_is_listed_by_help(baked: BakedProject) -> None:
    phony = re.search(r"^\.PHONY: (.*)$", baked.text("Makefile"), flags=re.MULTILINE)
    assert phony
    assert {line.split()[0] for line in baked.make("help").splitlines()} == set(phony[1].split())


def test_the_dataset_card_names_every_column_of_every_schema(baked: BakedProject) -> None:
    card = yaml.safe_load(baked.text("metadata.yaml"))
    for table, columns in card["tables"].items():
        assert list(yaml.safe_load(baked.text(f"conf/schema/{table}.yaml"))["columns"]) == list(columns)
    assert set(card["known_afterwards"]) <= set(card["tables"]["flights"])
