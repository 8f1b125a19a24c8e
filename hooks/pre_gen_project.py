"""Checks every answer and says all that is wrong at once. Cookiecutter then removes what it made."""

import json
import keyword
import re
import sys

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")

TEXT = r'[^"\\{}\x00-\x1f]+'
RULES = {
    "project_name": (TEXT, "one line without quotation marks, backslashes and braces: Flight Delays"),
    "project_slug": (
        r"(?=.{1,40}$)[a-z][a-z0-9]*(-[a-z0-9]+)*",
        "up to 40 lower-case letters, digits and single hyphens, a letter first: flight-delays",
    ),
    "package_name": (
        r"(?=.{1,40}$)[a-z][a-z0-9]*(_[a-z0-9]+)*",
        "up to 40 lower-case letters, digits and single underscores, a letter first: flight_delays",
    ),
    "description": (TEXT, "one line without quotation marks, backslashes and braces"),
    "author_name": (TEXT, "one line without quotation marks, backslashes and braces: Ada Lovelace"),
    "data_path": (f"|{TEXT}", "a path or URL without quotation marks, backslashes and braces: data.csv"),
    "target": (TEXT, "the name of a column: churned"),
    "time_column": (f"|{TEXT}", "the name of a column, or nothing: signed_up"),
    "key_columns": (f"|{TEXT}", "names of columns with commas between them, or nothing: customer, month"),
    "author_email": (r'[^@\s"\\{}<>]+@[^@\s"\\{}<>]+\.[^@\s"\\{}<>]+', "an address: ada@example.com"),
}
KEYWORDS = {*keyword.kwlist, "match", "case", "type"}
USED = {
    "click", "duckdb", "dvc", "evidently", "filelock", "flask", "fsspec", "granian", "hydra", "hypothesis", "jinja2",
    "lightgbm", "lxml", "matplotlib", "mlflow", "numpy", "onnx", "onnxruntime", "openlineage", "openpyxl", "pandas",
    "psycopg", "pyarrow", "pycaret", "pydantic", "requests", "sklearn", "skl2onnx", "sqlalchemy", "sqlglot", "src",
    "tests", "tqdm", "yaml",
}  # fmt: skip


def problems(answers: dict[str, str]) -> list[str]:
    found = [
        f"{name} is {answers[name]!r}. Use {wanted}"
        for name, (pattern, wanted) in RULES.items()
        if not re.fullmatch(pattern, answers[name])
    ]
    package = answers["package_name"]
    if package in KEYWORDS or package in sys.stdlib_module_names:
        found.append(f"package_name is {package!r}, which is a word or module of Python. Add a word: {package}_model")
    if package in USED:
        found.append(f"package_name is {package!r}, which the project itself installs. Add a word: {package}_model")
    if answers["task"] == "forecasting" and answers["dataset"] == "own" and not answers["time_column"].strip():
        found.append("time_column is empty, but a series is forecast by its times. Name the column that holds them")
    if answers["course"] == "yes" and (answers["dataset"], answers["task"]) != ("flights", "classification"):
        found.append(
            "course is 'yes', but its practicals are about the flights and which of them are late. "
            "Use dataset=flights and task=classification, or course=no"
        )
    return found


if __name__ == "__main__":
    wrong = problems(ANSWERS)
    if wrong:
        print("The project was not made, because", *wrong, sep="\n  - ", file=sys.stderr)
        sys.exit(1)
