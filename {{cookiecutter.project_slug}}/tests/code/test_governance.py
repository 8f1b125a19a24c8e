from __future__ import annotations

import json

import pytest

from {{ cookiecutter.package_name }} import governance, lineage, warehouse
from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.pipeline import profile


def test_every_step_writes_a_line_with_what_it_read_and_counted(prepared: Layout) -> None:
    lines = {entry["step"]: entry for entry in governance.runs(prepared)}
    assert list(lines)[:6] == ["ingest", "format", "trust", "exploit", "split", "leakage"]
    trusted = lines["trust"]
    assert trusted["outcome"] == "done"
    assert trusted["rows_in"] == trusted["rows_out"] + trusted["quarantined"] + trusted["duplicates"] == 344
    assert trusted["reads"].keys() == {"data/formatted", "conf/schema"}
    assert trusted["peak_memory_mb"] > 10


def test_a_step_that_fails_is_in_the_log_too(project: Layout) -> None:
    with pytest.raises(ValueError, match="odd"), governance.recorded("trust", project):
        raise ValueError("odd")
    assert governance.runs(project)[-1]["outcome"] == "failed"
    assert governance.runs(project)[-1]["error"] == "odd"


def test_openlineage_says_from_which_column_each_column_is_made(prepared: Layout) -> None:
    lineage.write_events(prepared)
    lineage.write_events(prepared)
    lines = (prepared.governance / lineage.EVENTS).read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(governance.runs(prepared))
    (event,) = [json.loads(line) for line in lines if json.loads(line)["job"]["name"] == "exploit"]
    (output,) = event["outputs"]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 344
    made_from = output["facets"]["columnLineage"]["fields"]["body_mass_g"]["inputFields"]
    assert [(one["name"], one["field"]) for one in made_from] == [("trusted.penguins", "body_mass_g")]


def test_the_warehouse_answers_questions_about_any_zone(prepared: Layout) -> None:
    counted = "select count(*) as n from trusted.penguins union all select count(*) from formatted.penguins"
    assert warehouse.ask(counted, prepared, csv=True) == "n\n344\n344\n"
    with pytest.raises(ProjectError, match=r"The tables are .*exploitation\.penguins"):
        warehouse.ask("select * from nowhere", prepared)


def test_the_profile_says_what_every_column_holds(prepared: Layout, smoke: Config) -> None:
    profile.run(smoke, prepared)
    zones = json.loads((prepared.results / "profiles" / "profile.json").read_text(encoding="utf-8"))
    mass = zones["trusted"]["penguins"]["columns"]["body_mass_g"]
    assert mass["missing"] == pytest.approx(2 / 344, abs=1e-6)
    assert (mass["quantiles"]["min"], mass["quantiles"]["max"]) == (2700, 6300)
    assert sum(mass["histogram"]) == 342
    assert zones["trusted"]["penguins"]["columns"]["species"]["top"][0] == {"value": "Adelie", "rows": 152}
    assert "<svg" in (prepared.results / "profiles" / "index.html").read_text(encoding="utf-8")
