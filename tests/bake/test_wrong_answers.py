"""Wrong answers: each with the message that it gets, all at once, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from bake import bake
from cookiecutter.exceptions import FailedHookException

WRONG = [
    ({"project_name": "!!!"}, ["project_slug is '-'", "package_name is '_'"]),
    ({"project_name": "2013 Flights"}, ["project_slug is '2013-flights'", "package_name is '2013_flights'"]),
    ({"project_name": 'My "best" model'}, ["project_name is 'My \"best\" model'. Use one line"]),
    (
        {"project_slug": "Flight Delays"},
        ["project_slug is 'Flight Delays'. Use up to 40 lower-case letters", "package_name is 'Flight Delays'"],
    ),
    ({"project_slug": "../up"}, ["project_slug is '../up'", "package_name is '../up'"]),
    ({"package_name": "flight-delays"}, ["package_name is 'flight-delays'. Use up to 40 lower-case letters"]),
    ({"package_name": "a" * 41}, [f"package_name is '{'a' * 41}'. Use up to 40"]),
    ({"package_name": "class"}, ["package_name is 'class', which is a word or module of Python"]),
    ({"package_name": "json"}, ["package_name is 'json', which is a word or module of Python"]),
    ({"package_name": "pandas"}, ["package_name is 'pandas', which the project itself installs"]),
    ({"description": 'Says "hi"'}, ["description is 'Says \"hi\"'. Use one line"]),
    ({"description": "two\nlines"}, ["description is 'two\\nlines'. Use one line"]),
    ({"author_name": "Ada \\ Lovelace"}, ["author_name is 'Ada \\\\ Lovelace'. Use one line"]),
    ({"dataset": "own", "target": ""}, ["target is ''. Use the name of a column: churned"]),
    ({"data_path": 'a"b'}, ["data_path is 'a\"b'. Use a path or URL"]),
    ({"time_column": "a\nb"}, ["time_column is 'a\\nb'. Use the name of a column, or nothing"]),
    ({"key_columns": "{id}"}, ["key_columns is '{id}'. Use names of columns"]),
    ({"author_email": "ada"}, ["author_email is 'ada'. Use an address: ada@example.com"]),
    (
        {"project_name": "Is", "author_email": "nowhere", "description": "a{b}"},
        ["package_name is 'is'", "author_email is 'nowhere'", "description is 'a{b}'"],
    ),
]


@pytest.mark.parametrize(("answers", "messages"), WRONG, ids=[str(answers) for answers, _ in WRONG])
def test_a_wrong_answer_is_named_and_nothing_is_left_behind(
    answers: dict[str, str], messages: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "output"
    output.mkdir()
    with pytest.raises(FailedHookException):
        bake(output, **answers)
    told = capfd.readouterr().err
    for message in messages:
        assert f"- {message}" in told
    assert told.count("\n  - ") == len(messages)
    assert list(tmp_path.rglob("*")) == [output]


@pytest.mark.parametrize("answers", [{"license": "GPL"}, {"python_version": "3.12"}, {"dataset": "mine"}])
def test_an_answer_that_is_not_offered_is_refused(answers: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=next(iter(answers.values()))):
        bake(tmp_path, **answers)
