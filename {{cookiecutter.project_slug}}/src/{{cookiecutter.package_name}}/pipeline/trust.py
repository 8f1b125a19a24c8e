"""Formatted zone in, trusted zone out: no duplicate key, every row as its schema says.

Rows that break the schema go to data/quarantine/trust with the reason; results/quality.json counts.
"""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pandera.pandas as pa

from ..config import Config
from ..errors import ProjectError
from ..layout import Layout, replacing, write_json
from . import contracts


def run(config: Config, layout: Layout) -> None:
    quality = {}
    with replacing(layout.trusted) as trusted, replacing(layout.quarantine / "trust") as quarantine:
        trusted.mkdir()
        quarantine.mkdir()
        for table, spec in config.source.tables.items():
            rows = pd.read_parquet(layout.formatted / f"{table}.parquet")
            unique = drop_duplicates(rows, list(spec.key))
            good, bad = validate(unique, contracts.schema(table, layout))
            check_share(table, good, bad, config.trust.max_quarantined_share)
            good.to_parquet(trusted / f"{table}.parquet", index=False)
            bad.to_parquet(quarantine / f"{table}.parquet", index=False)
            quality[table] = {
                "rows_in": len(rows),
                "duplicates": len(rows) - len(unique),
                "quarantined": len(bad),
                "rows_out": len(good),
            }
            print(f"trust     {table:<10} {len(good):>8,} rows, {len(bad):,} to quarantine")
    write_json(layout.results / "quality.json", quality)


def drop_duplicates(rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """The first row of each `key`; later ones are repetitions of the same event."""
    return rows.drop_duplicates(key, keep="first").reset_index(drop=True)


def validate(rows: pd.DataFrame, contract: contracts.Schema) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split `rows` (index 0..n-1) into those that keep the contract and those that break it.

    The second frame has a further column `_reason` that names column, rule and value of each failure.
    """
    try:
        return contract.validate(rows, lazy=True), rows.iloc[:0].assign(_reason=pd.Series(dtype=str))
    except pa.errors.SchemaErrors as error:
        failures = error.failure_cases
    whole = failures[failures["index"].isna()]
    if len(whole):
        listed = whole[["column", "check", "failure_case"]].to_string(index=False)
        raise ProjectError(f"Table {contract.name} breaks its schema as a whole:\n{listed}")
    texts = failures["column"] + ": " + failures["check"].astype(str) + ", got " + failures["failure_case"].astype(str)
    reasons = texts.groupby(failures["index"].astype(int)).agg("; ".join)
    bad = rows.loc[reasons.index].assign(_reason=reasons)
    return contract.validate(rows.drop(index=bad.index).reset_index(drop=True)), bad


def check_share(table: str, good: pd.DataFrame, bad: pd.DataFrame, limit: float) -> None:
    """Raises ProjectError when more than `limit` (0 to 1) of the rows are bad, or none is good."""
    total = len(good) + len(bad)
    if len(good) and len(bad) <= limit * total:
        return
    rules = Counter(reason.split(", got ")[0] for text in bad["_reason"] for reason in text.split("; "))
    report = "\n".join(f"  {count:>8,} x {rule}" for rule, count in rules.most_common(10))
    raise ProjectError(
        f"{len(bad):,} of {total:,} rows of table {table} break conf/schema/{table}.yaml, and "
        f"{limit:.0%} may (trust.max_quarantined_share):\n{report}\nCorrect the data or the schema."
    )
