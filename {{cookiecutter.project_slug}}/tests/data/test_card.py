from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCHEMAS = sorted((ROOT / "conf" / "schema").glob("*.yaml"))


@pytest.mark.parametrize("path", SCHEMAS, ids=[path.stem for path in SCHEMAS])
def test_the_dataset_card_names_the_columns_of_every_schema(path: Path) -> None:
    card = yaml.safe_load((ROOT / "metadata.yaml").read_text(encoding="utf-8"))
    schema = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert list(card["tables"][path.stem]) == list(schema["columns"])


def test_every_column_that_is_known_only_afterwards_is_one() -> None:
    card = yaml.safe_load((ROOT / "metadata.yaml").read_text(encoding="utf-8"))
    columns = {name for table in card["tables"].values() for name in table}
    assert set(card["known_afterwards"]) <= columns
