"""A table of any size scored by the deployed model: CSV or Parquet in; Parquet, rejected rows and a manifest out."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from difflib import get_close_matches
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from . import deployment, engines, governance, warehouse
from .config import Config
from .errors import ProjectError
from .layout import Layout, replacing, write_json
from .models import answers, bundle
from .models.bundle import CHECKSUMS, LARGEST, MISSING, TEXTS, Bundle, Column
from .progress import progress
from .warehouse import quoted, text

PART, AT_ONCE = 250_000, 16_384
"""Rows of one part of the output, which is what is not done again, and rows that the model gets at a time."""

MANIFEST, REJECTED, INPUT, SCORED = "manifest.json", "rejected", ".input", b"scored"
ROW, FILE, REASONS = "_row", "_file", "_reasons"
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
FRACTIONS = ("FLOAT", "DOUBLE")
"""Types of DuckDB that hold numbers, without and with NaN: of those there is less to be checked."""

Prepared: TypeAlias = "tuple[pa.RecordBatch, np.ndarray, np.ndarray]"


@dataclass(frozen=True)
class Task:
    """Row groups of a Parquet file that holds the input `source`, whose hash is `sha256`; the first of its rows is row
    `first` there, from 0. The part that is made of them is `name`.
    """

    source: str
    sha256: str
    parquet: str
    groups: tuple[int, ...]
    first: int
    rows: int
    name: str


@dataclass(frozen=True)
class Scored:
    """What became of a task; `reasons` are counted by rejected row."""

    task: Task
    rows: int
    rejected: int
    reasons: dict[str, int]
    before: bool = False


def run(config: Config, layout: Layout, source: Path, target: Path | None = None, kind: Any = None) -> Path:
    """Score the rows of a file, or of all files in a folder, into the folder `target`; its manifest.

    `kind` is an engine instead of that of conf/engine/. What an earlier run has done of the same input by the same
    model stays. Raises ProjectError when the input cannot be read or lacks columns of the model.
    """
    engine = config.engine.model_copy(update={"kind": kind}) if kind else config.engine
    current = deployment.required(layout).champion
    model = (layout.deploy / current.bundle).resolve()
    folder = (target or layout.root / "data" / "batch" / source.stem).resolve()
    began = datetime.now(timezone.utc)
    with governance.recorded("batch", layout) as record:
        needed = [column.name for column in _loaded(str(model)).schema.columns]
        tasks = _tasks(source, folder, needed, config, layout)
        score = partial(scored, model=str(model), target=str(folder))
        found = []
        with progress("batch", sum(task.rows for task in tasks)) as bar:
            for one in engines.each(engine, score, tasks):
                found.append(one)
                bar.update(one.task.rows)
        found.sort(key=lambda one: one.task.name)
        _clear(folder, {one.task.name for one in found}, {one.task.name for one in found if one.rejected})
        rows, rejected = sum(one.rows for one in found), sum(one.rejected for one in found)
        record.table(folder.name, rows_in=rows + rejected, rows_out=rows, quarantined=rejected)
        reasons: Counter[str] = Counter()
        inputs: dict[str, dict[str, Any]] = {}
        for one in found:
            reasons.update(one.reasons)
            about = inputs.setdefault(one.task.source, {"sha256": one.task.sha256, "rows": 0, "rejected": 0})
            about["rows"] += one.rows
            about["rejected"] += one.rejected
        manifest = {
            "model_version": current.version,
            "bundle_sha256": governance.content_hash(model / CHECKSUMS),
            "engine": engine.kind,
            "began": began.isoformat(timespec="seconds"),
            "ended": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "rows": rows,
            "rejected": rejected,
            "reasons": dict(reasons.most_common()),
            "inputs": inputs,
            "parts": [one.task.name for one in found],
        }
        write_json(folder / MANIFEST, manifest)
    before = sum(one.before for one in found)
    told = f", {before} of {len(found)} parts were there already" if before else ""
    print(f"batch     {rows:,} rows scored by version {current.version}, {rejected:,} rejected{told}: {folder}")
    return folder / MANIFEST


def scored(task: Task, *, model: str, target: str) -> Scored:
    """One part: its answers below `target`, the rows that cannot be answered in the folder `rejected` there."""
    identity = {"model": governance.content_hash(Path(model) / CHECKSUMS), "input": task.sha256, "first": task.first}
    path = Path(target) / task.name
    known = _known(path, identity)
    if known:
        return Scored(task, known["rows"], known["rejected"], known["reasons"], before=True)
    loaded = _loaded(model)
    with duckdb.connect(config={"threads": "1"}) as connection, replacing(path) as temporary:
        connection.execute("set enable_progress_bar = false")
        writer: pq.ParquetWriter | None = None
        rows = 0
        for answered in _answered(connection, task, loaded):
            writer = writer or pq.ParquetWriter(temporary, answered.schema)
            writer.write_batch(answered)
            rows += len(answered)
        writer = writer or pq.ParquetWriter(temporary, pa.schema([(FILE, pa.string()), (ROW, pa.int64())]))
        rejected = task.rows - rows
        reasons = _rejected(connection, task, loaded, path.parent / REJECTED / task.name) if rejected else {}
        found = {"rows": rows, "rejected": rejected, "reasons": reasons}
        writer.add_key_value_metadata({SCORED: json.dumps({**identity, **found})})
        writer.close()
    return Scored(task, rows, rejected, reasons)


def _answered(connection: duckdb.DuckDBPyConnection, task: Task, loaded: Bundle) -> Iterator[pa.RecordBatch]:
    """What is written of the good rows, in their order; the model computes while the next ones are read."""
    kind = answers.of(loaded.schema.kind)
    waiting: deque[tuple[pa.RecordBatch, Future[np.ndarray]]] = deque()

    def told() -> pa.RecordBatch:
        kept, outputs = waiting.popleft()
        arrays = {name: _arrow(values) for name, values in kind.arrays(loaded.schema, outputs.result()).items()}
        return pa.RecordBatch.from_pydict({**dict(zip(kept.schema.names, kept.columns, strict=True)), **arrays})

    with ThreadPoolExecutor(1) as pool:
        for kept, numbers, categories in _prepared(connection, task, loaded):
            waiting.append((kept, pool.submit(loaded.of_matrices, numbers, categories)))
            if len(waiting) > 1:
                yield told()
        while waiting:
            yield told()


def _prepared(connection: duckdb.DuckDBPyConnection, task: Task, loaded: Bundle) -> Iterator[Prepared]:
    """The good rows as the model takes them, and the columns that it does not take, which are kept."""
    known = _columns(connection, task)
    taken = {column.name for column in loaded.schema.columns}
    kept = [name for name in known if name not in taken]
    features = [f"{_value(column, known[column.name])} as {quoted(column.name)}" for column in loaded.schema.columns]
    query = (
        f"select {text(task.source)} as {FILE}, {ROW}, {', '.join([*map(quoted, kept), *features])} "
        f"from part where not {_bad(loaded, known)}"
    )
    with _part(connection, task, [*kept, *taken]):
        for batch in connection.execute(query).to_arrow_reader(AT_ONCE):
            numbers = [_numbers(batch.column(name)) for name in loaded.numbers]
            categories = [_texts(batch.column(name)) for name in loaded.categories]
            rows = len(batch)
            yield (
                batch.select([FILE, ROW, *kept]),
                np.column_stack(numbers) if numbers else np.empty((rows, 0)),
                np.column_stack(categories) if categories else np.empty((rows, 0), dtype=object),
            )


def _rejected(connection: duckdb.DuckDBPyConnection, task: Task, loaded: Bundle, path: Path) -> dict[str, int]:
    """Write the rows that cannot be answered, with the reasons; how many there are for each."""
    known = _columns(connection, task)
    told = [f"case when {wrong} then {text(why)} end" for wrong, why in _rules(loaded, known)]
    reasons = f"list_filter([{', '.join(told)}], lambda why: why is not null) as {REASONS}"
    with _part(connection, task, list(known)), replacing(path) as temporary:
        query = f"select {text(task.source)} as {FILE}, *, {reasons} from part where {_bad(loaded, known)}"
        warehouse.copy(connection, query, temporary)
    counted = f"select why, count(*) from (select unnest({REASONS}) as why from {warehouse.parquet(path)}) group by why"
    return dict(connection.execute(f"{counted} order by count(*) desc, why").fetchall())


def _rules(loaded: Bundle, known: dict[str, str]) -> list[tuple[str, str]]:
    """Conditions in SQL by which a row is rejected, and what is then said: those of the API."""
    rules = []
    for column in loaded.schema.columns:
        kind = known[column.name]
        name, value = quoted(column.name), _value(column, kind)
        if column.type == "choice":
            chosen = warehouse.among(value, column.categories)
            rules.append((f"{name} is null or not {chosen}", f"{column.name}: no choice"))
        elif column.type == "boolean":
            rules.append((f"{name} is not null and {value} is null", f"{column.name}: neither true nor false"))
        elif column.type not in TEXTS:
            if kind not in (*WHOLE, *FRACTIONS):
                unread = f"{name} is not null and {value} is null and lower({name}::varchar) <> 'nan'"
                rules.append((unread, f"{column.name}: no number"))
            rules.append((f"abs({value}) > {LARGEST}", f"{column.name}: too large"))
            if column.type == "integer" and kind not in WHOLE:
                rules.append((f"{value} <> trunc({value})", f"{column.name}: no whole number"))
    return rules


def _bad(loaded: Bundle, known: dict[str, str]) -> str:
    return f"coalesce({' or '.join(f'({wrong})' for wrong, _ in _rules(loaded, known)) or 'false'}, false)"


def _value(column: Column, kind: str) -> str:
    """A value as the model takes it, null where it is missing or wrong."""
    name = quoted(column.name)
    if column.type == "boolean":
        return f"try_cast({name} as boolean)::double"
    if column.type in TEXTS:
        whole = f"case when {name} = trunc({name}) then {name}::bigint::varchar else {name}::varchar end"
        return whole if kind in FRACTIONS else f"{name}::varchar"
    if kind in WHOLE:
        return f"{name}::double"
    number = f"try_cast({name} as double)"
    return f"case when isnan({number}) then null else {number} end"


def _numbers(values: pa.Array) -> np.ndarray:
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False))


def _texts(values: pa.Array) -> np.ndarray:
    """Python's texts, each of them made once."""
    coded = pc.fill_null(values, MISSING).dictionary_encode()
    known = np.array(coded.dictionary.to_pylist(), dtype=object)
    return np.asarray(known[coded.indices.to_numpy(zero_copy_only=False)])


def _arrow(values: answers.Answered) -> pa.Array:
    if isinstance(values, dict):
        return pa.StructArray.from_arrays([pa.array(one) for one in values.values()], names=list(values))
    return pa.array(values)


@contextmanager
def _part(connection: duckdb.DuckDBPyConnection, task: Task, columns: Sequence[str]) -> Iterator[None]:
    """The rows of a task as the table `part`, streamed: the given columns, and the number of each row, from 1."""
    file = pq.ParquetFile(task.parquet, memory_map=True)
    wanted = [name for name in file.schema_arrow.names if name in set(columns)]
    schema = pa.schema([pa.field(ROW, pa.int64()), *(file.schema_arrow.field(name) for name in wanted)])

    def batches() -> Iterator[pa.RecordBatch]:
        row = task.first + 1
        for batch in file.iter_batches(AT_ONCE, row_groups=list(task.groups), columns=wanted):
            numbers = pa.array(np.arange(row, row + len(batch)))
            row += len(batch)
            yield pa.RecordBatch.from_arrays([numbers, *batch.select(wanted).columns], schema=schema)

    connection.register("part", pa.RecordBatchReader.from_batches(schema, batches()))
    yield
    connection.unregister("part")


def _columns(connection: duckdb.DuckDBPyConnection, task: Task) -> dict[str, str]:
    return warehouse.columns(connection, warehouse.parquet(Path(task.parquet)))


@cache
def _loaded(model: str) -> Bundle:
    return bundle.load(Path(model))


def _known(path: Path, identity: dict[str, Any]) -> Any:
    """What is said in a part that an earlier run has made of the same rows by the same model."""
    if not path.is_file():
        return None
    try:
        said = json.loads((pq.read_metadata(path).metadata or {}).get(SCORED, b"{}"))
    except (pa.ArrowInvalid, OSError, ValueError):
        return None
    return said if all(said.get(name) == value for name, value in identity.items()) else None


def _tasks(source: Path, folder: Path, needed: Sequence[str], config: Config, layout: Layout) -> list[Task]:
    """The parts of every input file, which is turned into Parquet first where it is CSV."""
    tasks: list[Task] = []
    for number, file in enumerate(_files(source)):
        sha256 = governance.content_hash(file)
        parquet = file.resolve() if file.suffix == ".parquet" else _converted(file, sha256, folder, config, layout)
        try:
            about = pq.ParquetFile(parquet)
        except (pa.ArrowInvalid, OSError) as error:
            raise ProjectError(f"{file} cannot be read as Parquet: {error}") from error
        _check(file, about.schema_arrow.names, needed)
        sizes = [about.metadata.row_group(group).num_rows for group in range(about.num_row_groups)]
        first, count, groups, part = 0, 0, list[int](), 0
        for group, rows in enumerate(sizes):
            groups.append(group)
            count += rows
            if count >= PART or group == len(sizes) - 1:
                name = f"part-{number:05}-{part:05}.parquet"
                tasks.append(Task(str(file), sha256, str(parquet), tuple(groups), first, count, name))
                first, count, groups, part = first + count, 0, [], part + 1
    return tasks


def _files(source: Path) -> list[Path]:
    """Raises ProjectError when there is nothing to score."""
    found = sorted(source.rglob("*")) if source.is_dir() else [source]
    files = [file for file in found if file.name.endswith((".csv", ".csv.gz", ".parquet")) and file.is_file()]
    if not files:
        raise ProjectError(f"{source} is no .csv, .csv.gz or .parquet file, and no folder that holds one.")
    return files


def _converted(file: Path, sha256: str, folder: Path, config: Config, layout: Layout) -> Path:
    """All columns as text: what a value means is said by the schema of the model."""
    target = folder / INPUT / f"{sha256}.parquet"
    if not target.is_file():
        with warehouse.connect(config.engine, layout) as connection, replacing(target) as temporary:
            read = f"read_csv({text(file.as_posix())}, header = true, all_varchar = true, sample_size = -1)"
            options = f"format parquet, row_group_size {AT_ONCE}"
            connection.execute(f"copy (from {read}) to {text(temporary.as_posix())} ({options})")
    return target


def _check(file: Path, names: Sequence[str], needed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in names]
    if missing:
        close = {name: get_close_matches(name, names, n=1) for name in missing}
        told = [f"{name} (is it {close[name][0]}?)" if close[name] else name for name in missing]
        raise ProjectError(f"{file} lacks columns of the model: {', '.join(told)}.")


def _clear(folder: Path, made: set[str], rejected: set[str]) -> None:
    """Remove what an earlier run has left of another input, and what CSV files were turned into."""
    for where, names in ((folder, made), (folder / REJECTED, rejected)):
        for path in where.glob("part-*.parquet"):
            if path.name not in names:
                path.unlink()
    for path in (folder / INPUT).glob("*.parquet"):
        path.unlink()
    if (folder / INPUT).is_dir():
        (folder / INPUT).rmdir()
