from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from {{ cookiecutter.package_name }} import landing
from {{ cookiecutter.package_name }}.config import Config, Engine, FileSource, Reading
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.landing import Fetched
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.names import column_names, snake_case
from {{ cookiecutter.package_name }}.pipeline import format, infer, trust
from {{ cookiecutter.package_name }}.warehouse import connect, parquet

SCHEMA = """
columns:
  name:   {type: text, nullable: true}
  amount: {type: number, nullable: true}
  at:     {type: timestamp, nullable: true}
"""


def one_table(smoke: Config, **reading: object) -> Config:
    """A configuration whose only table is `t`."""
    source = FileSource(kind="file", path="unused", table="t", read=Reading(**reading))
    trusting = smoke.trust.model_copy(update={"max_quarantined_share": 1.0})
    return smoke.model_copy(update={"sources": {"s": source}, "trust": trusting})


def land(layout: Layout, name: str, content: bytes) -> None:
    with landing.temporary("s", layout) as folder:
        (folder / name).write_bytes(content)
        landing.land("s", [Fetched(folder / name, "t", name)], layout)


def formatted(config: Config, layout: Layout, schema: str | None = SCHEMA) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the format stage keeps of what is landed, and what it refuses."""
    if schema:
        layout.schemas.mkdir(parents=True, exist_ok=True)
        (layout.schemas / "t.yaml").write_text(schema, encoding="utf-8")
    else:
        infer.make_missing(config, layout)
    format.run(config, layout)
    with connect(config.engine, layout) as connection:
        kept = connection.sql(f"from {parquet(layout.formatted / 't')}").df()
        return kept, connection.sql(f"from {parquet(layout.quarantine / 'format' / 't.parquet')}").df()


def test_a_row_keeps_where_it_came_from(smoke: Config, project: Layout) -> None:
    land(project, "a.csv", b"name,amount,at\nx,1.5,2024-01-01T10:00:00+02:00\ny,NA,\n")
    kept, refused = formatted(one_table(smoke), project)
    assert refused.empty
    assert kept["amount"].fillna(-1).tolist() == [1.5, -1]
    assert kept["at"][0] == pd.Timestamp("2024-01-01 08:00")
    assert kept[["_source", "_file", "_row"]].to_numpy().tolist() == [["s", "a.csv", 1], ["s", "a.csv", 2]]


def test_what_cannot_be_read_goes_to_quarantine_with_column_rule_and_value(smoke: Config, project: Layout) -> None:
    land(project, "a.csv", b"name,amount,at\nx,soon,2024-01-01\ny,1,2024-13-01\nz,1\nw,1,2024-01-01\n")
    kept, refused = formatted(one_table(smoke), project)
    assert kept["name"].tolist() == ["w"]
    found = {(row["column"], row["value"]) for failures in refused["_failures"] for row in failures}
    assert found == {("amount", "soon"), ("at", "2024-13-01"), ("", "z,1")}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("comma.csv", 'Name,Amount,At\n"Zoë, ""Z""",1234.5,2024-02-01\n'.encode()),
        ("semicolon.csv", 'Name;Amount;At\n"Zoë, ""Z""";1.234,5;01.02.2024\n'.encode("latin-1")),
        ("tab.tsv", '\ufeffName\tAmount\tAt\n"Zoë, ""Z"""\t1,234.5\t2024/02/01\n'.encode()),
        ("utf16.csv", 'Name,Amount,At\n"Zoë, ""Z""",1234.5,1 Feb 2024\n'.encode("utf-16")),
        ("packed.csv.gz", gzip.compress('Name,Amount,At\n"Zoë, ""Z""",1234.5,2024-02-01\n'.encode())),
        ("lines.jsonl", json.dumps({"Name": 'Zoë, "Z"', "Amount": 1234.5, "At": "2024-02-01"}).encode() + b"\n"),
        ("array.json", json.dumps([{"Name": 'Zoë, "Z"', "Amount": 1234.5, "At": "2024-02-01"}]).encode()),
    ],
)
def test_the_same_row_is_read_however_it_is_written(name: str, content: bytes, smoke: Config, project: Layout) -> None:
    land(project, name, content)
    kept, _ = formatted(one_table(smoke), project)
    assert kept[["name", "amount", "at"]].to_numpy().tolist() == [['Zoë, "Z"', 1234.5, pd.Timestamp("2024-02-01")]]


def test_parquet_excel_and_zip_are_read_too(smoke: Config, project: Layout, tmp_path: Path) -> None:
    rows = pd.DataFrame({"Name": ["x", None], "Amount": [1.0, 2.5], "At": pd.to_datetime(["2024-02-01", "2024-02-02"])})
    rows.to_parquet(tmp_path / "a.parquet")
    rows.to_excel(tmp_path / "b.xlsx", index=False)
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("inside.csv", rows.to_csv(index=False))
    for path in sorted(tmp_path.glob("[abc].*")):
        land(project, path.name, path.read_bytes())
    kept, refused = formatted(one_table(smoke), project)
    assert refused.empty
    assert kept["amount"].tolist() == [1.0, 2.5] * 3
    assert kept["at"].dt.day.tolist() == [1, 2] * 3
    assert kept["_file"].unique().tolist() == ["a.parquet", "b.xlsx", "inside.csv"]


def test_a_damaged_file_is_named(smoke: Config, project: Layout) -> None:
    land(project, "a.parquet", b"PAR1 and then nothing")
    with pytest.raises(ProjectError, match=r"a\.parquet cannot be read"):
        formatted(one_table(smoke), project)
    assert not project.formatted.exists()


def test_a_missing_column_is_named_and_a_new_one_is_said(
    smoke: Config, project: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    land(project, "a.csv", b"name,amount,at,colour\nx,1,2024-01-01,red\n")
    formatted(one_table(smoke), project)
    assert "new column(s) colour" in capsys.readouterr().out
    land(project, "b.csv", b"name,at\nx,2024-01-01\n")
    with pytest.raises(ProjectError, match=r"b\.csv has no column amount\. It has name, at\."):
        formatted(one_table(smoke), project)


def test_a_column_of_another_type_stops_the_pipeline_with_a_report(smoke: Config, project: Layout) -> None:
    land(project, "a.csv", b"name,amount,at\n" + b"x,plenty,2024-01-01\n" * 9)
    strict = one_table(smoke).model_copy(update={"trust": smoke.trust})
    report = r"9 of 9 rows of table t .* +9 x amount: type, such as 'plenty'.Of another type .*: amount \(number\)"
    with pytest.raises(ProjectError, match=f"(?s){report}"):
        formatted(strict, project)


def test_a_table_without_rows_is_named(smoke: Config, project: Layout) -> None:
    land(project, "a.csv", b"name,amount,at\n")
    with pytest.raises(ProjectError, match=r"Table t is empty: no row in .*a\.csv"):
        formatted(one_table(smoke), project)


def test_a_schema_is_inferred_and_never_overwritten(
    smoke: Config, project: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    land(project, "a.csv", b"Name;Price (EUR);When;Price (EUR)\nx;1,50;31.01.2024;1\ny;;01.02.2024;2\n")
    config = one_table(smoke)
    kept, _ = formatted(config, project, schema=None)
    assert kept["price_eur"].fillna(0).tolist() == [1.5, 0]
    assert kept["price_eur_2"].tolist() == [1, 2]
    assert kept["when"].dt.day.tolist() == [31, 1]
    path = project.schemas / "t.yaml"
    changed = path.read_text(encoding="utf-8").replace("price_eur:", "cost:")
    path.write_text(changed, encoding="utf-8")
    infer.run(config, project)
    assert "-cost: {type: number, nullable: true}" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == changed


def test_files_of_the_same_name_in_two_landings_are_both_looked_at(smoke: Config, project: Layout) -> None:
    for word in ("été", "août"):
        land(project, "a.csv", f"word\n{word}\n".encode("latin-1"))
    kept, _ = formatted(one_table(smoke), project, schema=None)
    assert kept["word"].tolist() == ["été", "août"]
    assert "août, été" in (project.schemas / "t.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("header", "name"),
    [("Body Mass (g)", "body_mass_g"), ("sepalLength", "sepal_length"), ("Größe", "grosse"), ("2nd", "n_2nd")],
)
def test_names_are_snake_case_and_stay_as_they_are(header: str, name: str) -> None:
    assert snake_case(header) == name == snake_case(name)


def test_repeated_and_empty_headers_get_names_of_their_own() -> None:
    assert column_names(["a", "A", "", "ü"]) == ["a", "a_2", "column_3", "u"]


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=8)
ROW = st.tuples(st.sampled_from(["k1", "k2", "k3", ""]), st.sampled_from(["1", "x", "", "9"]), CELL)


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=12), ragged=st.lists(st.integers(0, 11), max_size=3))
def test_no_row_is_ever_lost(rows: list[tuple[str, ...]], ragged: list[int]) -> None:
    """Rows in = rows out + quarantined + duplicates, from the file to the trusted zone."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["key", "number", "text"])
    for position, row in enumerate(rows):
        writer.writerow([*row, "too much"] if position in ragged else row)
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder))
        source = FileSource(kind="file", path="unused", table="t", key=("key",))
        config = Config.model_construct(
            sources={"s": source},
            trust=trust_everything(),
            engine=Engine(memory="200MB", threads=1),
        )
        land(layout, "t.csv", text.getvalue().encode())
        layout.schemas.mkdir(parents=True)
        (layout.schemas / "t.yaml").write_text(
            "columns:\n  key: {type: text}\n  number: {type: integer, nullable: true, max: 5}\n"
            "  text: {type: text, nullable: true}\n",
            encoding="utf-8",
        )
        kept, refused, _ = counts_of_format(config, layout)
        assert kept + refused == len(rows)
        counts = counts_of_trust(config, layout)
    assert counts["rows_in"] == kept
    assert counts["rows_in"] == counts["rows_out"] + counts["quarantined"] + counts["duplicates"]


def trust_everything() -> object:
    from {{ cookiecutter.package_name }}.config import Trust

    return Trust(max_quarantined_share=1)


def counts_of_format(config: Config, layout: Layout) -> tuple[int, int, object]:
    layout.formatted.mkdir(parents=True)
    (layout.quarantine / "format").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(format.quarantine, "check_share", lambda *_: None)
        reading = config.sources["s"].read
        refused = layout.quarantine / "format" / "t.parquet"
        return format.format_table(config, layout, "t", reading, layout.formatted / "t", refused)


def counts_of_trust(config: Config, layout: Layout) -> dict[str, int]:
    from {{ cookiecutter.package_name }}.pipeline import schema

    contract = schema.read("t", layout)
    with connect(config.engine, layout) as connection:
        good, bad = layout.root / "good.parquet", layout.root / "bad.parquet"
        return trust.trust_table(connection, layout.formatted / "t", good, bad, contract, ("key",), "t")
