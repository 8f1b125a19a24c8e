"""Tables that the template does not know, from packages: `make setup pipeline` with nothing else typed."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from bake import bake

from ..conftest import BakedProject, make_own

Rows = list[dict[str, str]]
Write = Callable[[Path, Path, BakedProject], dict[str, str]]

FROM_STATSMODELS = "import statsmodels.api as sm; sm.datasets.{name}.load_pandas().data.to_csv({path!r}, index=False)"
WIDE = """
import pandas
from sklearn.datasets import load_breast_cancer
rows = load_breast_cancer(as_frame=True).frame
names = [name for name in rows if name != "target"]
ratios = {{f"{{one}} / {{other}}": rows[one] / (1 + rows[other]) for one in names[:10] for other in names}}
pandas.concat([rows, pandas.DataFrame(ratios)], axis=1).iloc[:, :200].to_parquet({path!r})
"""


def palmer_raw(package_data: Path) -> Rows:
    return read(package_data / "palmerpenguins" / "data" / "penguins-raw.csv")


def read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: Rows, *, encoding: str = "utf-8", delimiter: str = ",") -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def european(folder: Path, package_data: Path, _: BakedProject) -> dict[str, str]:
    """Penguins as a spreadsheet of the continent exports them: semicolons, decimal commas, Latin-1, day first."""
    rows = palmer_raw(package_data)
    for row in rows:
        year, month, day = row["Date Egg"].split("-")
        row["Date Egg"] = f"{day}.{month}.{year}"
        row["Comments"] = f'Île "{row["Island"]}",\n{row["Comments"]}'
        for name in row:
            if re.fullmatch(r"-?\d+\.\d+", row[name]):
                row[name] = row[name].replace(".", ",")
    write(folder / "pinguine.csv", rows, encoding="latin-1", delimiter=";")
    return {"data_path": "pinguine.csv", "target": "Sex", "key_columns": "studyName, Species, Sample Number"}


def weather(folder: Path, package_data: Path, _: BakedProject) -> dict[str, str]:
    """Seattle's weather by day, the date in three formats, split by it: will it rain?"""
    rows = read(package_data / "vega_datasets" / "_data" / "seattle-weather.csv")
    names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    for position, row in enumerate(rows):
        year, month, day = row["date"].split("/")
        row["date"] = (f"{year}-{month}-{day}", f"{day}/{month}/{year}", f"{names[int(month) - 1]} {day}, {year}")[
            position % 3
        ]
        row["rains"] = "yes" if row.pop("weather") == "rain" else "no"
    write(folder / "weather.csv", rows, encoding="utf-8-sig")
    return {"data_path": "weather.csv", "target": "rains", "time_column": "date"}


def cars(folder: Path, package_data: Path, _: BakedProject) -> dict[str, str]:
    """Cars as an array of JSON: names that repeat, missing values, three origins."""
    content = (package_data / "vega_datasets" / "_data" / "cars.json").read_text(encoding="utf-8")
    (folder / "cars.json").write_text(content, encoding="utf-8")
    return {"data_path": "cars.json", "target": "Origin"}


def votes(folder: Path, _: Path, project: BakedProject) -> dict[str, str]:
    """The American election study of 1996; the target is 0.0 and 1.0, two columns have the same name."""
    path = folder / "votes.csv"
    project.python(FROM_STATSMODELS.format(name="anes96", path=str(path)))
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[0] = lines[0].replace("ClinLR,DoleLR", "LR,LR")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"data_path": "votes.csv", "target": "vote"}


def wide(folder: Path, _: Path, project: BakedProject) -> dict[str, str]:
    """Two hundred columns as Parquet."""
    project.python(WIDE.format(path=str(folder / "wide.parquet")))
    return {"data_path": "wide.parquet", "target": "target"}


@pytest.mark.parametrize(
    ("table", "rows", "without_target", "said"),
    [
        (european, 344, 11, ["individual_id is left out", "date_egg is left out"]),
        (weather, 1461, 0, ["date is left out of the model: conf/task/ says so"]),
        (cars, 406, 0, ["name is left out of the model: it names its row"]),
        (votes, 944, 0, ["train     made a"]),
        (wide, 569, 0, ["leakage   "]),
    ],
)
def test_a_table_that_nobody_knew_becomes_a_model(
    table: Write,
    rows: int,
    without_target: int,
    said: list[str],
    tmp_path: Path,
    package_data: Path,
    installed: BakedProject,
) -> None:
    answers = table(tmp_path, package_data, installed)
    project = make_own(tmp_path, **answers)
    told = project.make("pipeline")
    assert "bundle accepted" in told
    for part in said:
        assert part in told
    quality = json.loads(project.text("results/quality.json"))["own"]
    assert (quality["rows_out"], quality["quarantined"], quality["duplicates"]) == (rows, 0, 0)
    assert (f"{without_target} rows have no" in told) == (without_target > 0)
    assert 0.5 < json.loads(project.text("results/metrics.json"))["auc"] <= 1
    assert "Data and pipelines are up to date" in project.make("pipeline")
    card = yaml.safe_load(project.text("metadata.yaml"))
    assert list(card["tables"]["own"]) == list(yaml.safe_load(project.text("conf/schema/own.yaml"))["columns"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("target\n" + "a\nb\n" * 50, "No column of the view is left to learn from"),
        ("x,target\n" + "".join(f"{number % 7},a\n" for number in range(100)), "target is 'a' in every row"),
        ("x,target\n" + "".join(f"{number % 7},\n" for number in range(100)), "target is missing in every row"),
        ("x,target\n" + "".join(f"{number % 7},{number}.5\n" for number in range(100)), "target is a number with 100"),
        ("x,y\n" + "1,2\n" * 100, "gives no column target"),
        ("x,target\n", "Table own is empty"),
        ("", "own.csv is empty"),
        (None, "there is no file ../own.csv"),
    ],
)
def test_a_table_that_cannot_be_learnt_from_is_refused_in_one_sentence(
    content: str | None, message: str, tmp_path: Path, unlearnable: BakedProject
) -> None:
    path = unlearnable.root.parent / "own.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    told = unlearnable.make("pipeline", fails=True)
    assert message in told
    assert "Traceback" not in told
    path.unlink(missing_ok=True)
    unlearnable.run("git", "clean", "-qxfd", "-e", ".venv", "-e", "mlflow.db")
    unlearnable.run("git", "checkout", "--quiet", ".")


@pytest.fixture(scope="module")
def unlearnable(tmp_path_factory: pytest.TempPathFactory, installed: BakedProject) -> BakedProject:
    return make_own(tmp_path_factory.mktemp("unlearnable"), data_path="own.csv")


def test_without_a_file_the_project_says_where_to_name_one(tmp_path: Path, installed: BakedProject) -> None:
    project = make_own(tmp_path)
    assert "Source own has no file yet: write its path or URL as `path` into conf/source/" in project.make(
        "pipeline", fails=True
    )
    project.make("setup")


def test_an_own_project_has_no_trace_of_flights(tmp_path: Path) -> None:
    project = BakedProject(bake(tmp_path, dataset="own", project_name="Churn"))
    traces = re.compile(r"flight|carrier|airport|departures|tailnum|bundled", re.IGNORECASE)
    for name in project.files() - {"poetry.lock"}:
        assert not traces.search(name), name
        if not name.endswith((".gz", ".png")):
            assert not traces.search(project.text(name)), name
