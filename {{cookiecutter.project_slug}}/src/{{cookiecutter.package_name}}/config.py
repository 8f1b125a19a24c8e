"""params.yaml in, one frozen object out. A typo in it is an error that names the key."""

from __future__ import annotations

import difflib
import os
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import ProjectError
from .layout import Layout
from .names import snake_case

Name = Annotated[str, AfterValidator(snake_case)]
"""A table or column as the zones spell it, however it is written in `conf/`."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reading(Section):
    """How the files of a source are written; `auto` is detected in the files themselves."""

    format: Literal["auto", "csv", "json", "jsonl", "parquet", "excel"] = "auto"
    encoding: str = "auto"
    separator: str = "auto"
    decimal: Literal["auto", ".", ","] = "auto"
    dates: tuple[str, ...] = ()
    missing: tuple[str, ...] = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "<NA>")
    sheet: str | int = 0


class Table(Section):
    """`files` is a name or a pattern with `*`; `{period}` in it stands for YYYY-MM."""

    files: str = "*"
    key: tuple[Name, ...] = ()


class Fetching(Section):
    """What every source says: how its files are written, and after how many hours `ingest` asks it again."""

    read: Reading = Reading()
    every_hours: float = Field(default=0, ge=0)


class OneTable(Fetching):
    """A source of one table, which carries the name of the source unless `table` gives another."""

    table: Name | None = None
    key: tuple[Name, ...] = ()

    def tables_of(self, source: str) -> dict[str, Table]:
        return {self.table or snake_case(source): Table(key=self.key)}


class FolderSource(Fetching):
    kind: Literal["folder"]
    path: str
    options: dict[str, Any] = {}
    first_periods: int | None = Field(default=None, ge=1)
    tables: dict[Name, Table] = Field(min_length=1)

    def tables_of(self, source: str) -> dict[str, Table]:
        return self.tables


class FileSource(OneTable):
    kind: Literal["file"]
    path: str
    options: dict[str, Any] = {}


class Auth(Section):
    """The secret is read from the environment variable `env`; `name` is the header or parameter that takes it."""

    kind: Literal["bearer", "header", "parameter"]
    env: str
    name: str = "X-API-Key"


class Pagination(Section):
    """`page` counts pages, `offset` rows; `cursor` is read from the answer at `next`, `link` from its Link header."""

    kind: Literal["none", "page", "offset", "cursor", "link"] = "none"
    parameter: str = "page"
    size_parameter: str | None = None
    size: int = Field(default=100, ge=1)
    start: int = 1
    next: str = "next"
    max_pages: int = Field(default=10_000, ge=1)


class Watermark(Section):
    """Rows with a greater `column` than was landed are new; a REST source is told so in `parameter`."""

    column: str
    parameter: str | None = None


class Politeness(Section):
    """Requests a second, seconds without an answer, attempts after a failure, first pause between them in seconds."""

    per_second: float = Field(default=5, gt=0)
    timeout: float = Field(default=30, gt=0)
    retries: int = Field(default=5, ge=0)
    back_off: float = Field(default=0.5, ge=0)


class RestSource(OneTable):
    kind: Literal["rest"]
    url: str
    records: str = ""
    parameters: dict[str, str | int | float] = {}
    pagination: Pagination = Pagination()
    auth: Auth | None = None
    watermark: Watermark | None = None
    requests: Politeness = Politeness()


class SqlSource(OneTable):
    """`url` is an SQLAlchemy URL; with a password in it, name the environment variable that holds it as `url_env`."""

    kind: Literal["sql"]
    url: str | None = None
    url_env: str | None = None
    query: str | None = None
    from_table: str | None = None
    watermark: Watermark | None = None
    chunk_rows: int = Field(default=50_000, ge=1)

    @model_validator(mode="after")
    def says_where_and_what(self) -> SqlSource:
        if (self.url is None) == (self.url_env is None):
            raise ValueError("give url or url_env, one of them")
        if (self.query is None) == (self.from_table is None):
            raise ValueError("give query or from_table, one of them")
        return self


class HtmlSource(OneTable):
    """The `number`th table (1 = first) of a page that holds the text `match`."""

    kind: Literal["html"]
    url: str
    match: str = ".+"
    number: int = Field(default=1, ge=1)
    requests: Politeness = Politeness()


Source = Annotated[FolderSource | FileSource | RestSource | SqlSource | HtmlSource, Field(discriminator="kind")]


class Trust(Section):
    max_quarantined_share: float = Field(ge=0, le=1)


class Behaviour(Section):
    """The hold-out with columns `set` to a value or moved by `add`: what `share` of the answers must do.

    `same`, `not_lower` and `not_higher` compare with the unchanged row, up to `tolerance`; `at_least` and `at_most`
    with `score`. The answer is the probability of the positive class, or the value.
    """

    name: str
    set: dict[Name, str | float | int | bool | None] = {}
    add: dict[Name, float] = {}
    expect: Literal["same", "not_lower", "not_higher", "at_least", "at_most"]
    score: float = 0.0
    tolerance: float = Field(default=0.0, ge=0)
    share: float = Field(default=0.95, gt=0, le=1)


class Task(Section):
    """What every kind of task says: the question in words, the view that it is about, and what in it is no feature.

    `fairness` are columns of a supervised task, features or not, whose groups are to be treated alike.
    """

    kind: str
    question: str | None = None
    view: Name
    target: Name | None = None
    key: tuple[Name, ...] = ()
    time: Name | None = None
    group: Name | None = None
    leave_out: tuple[Name, ...] = ()
    behaviour: tuple[Behaviour, ...] = ()
    fairness: tuple[Name, ...] = ()

    @property
    def not_features(self) -> frozenset[str]:
        """The columns of the view that a model must not learn from, by configuration."""
        named = {self.target, self.time, self.group, *self.leave_out}
        return frozenset(name for name in named if name)


class ClassificationTask(Task):
    """`positive` is the class that is watched; null: the rarest one.

    `costs` say for a true class what another one costs as an answer. What is not said costs 1, the right one nothing.
    """

    kind: Literal["classification"]
    target: Name
    positive: str | None = None
    costs: dict[str, dict[str, Annotated[float, Field(ge=0)]]] = {}


class RegressionTask(Task):
    kind: Literal["regression"]
    target: Name


class ClusteringTask(Task):
    """`clusters` are the numbers of clusters that are tried with models that must be told one."""

    kind: Literal["clustering"]
    target: None = None
    fairness: tuple[()] = ()
    clusters: tuple[Annotated[int, Field(ge=2)], ...] = Field(default=(2, 3, 4, 5, 6, 8), min_length=1)


class AnomalyTask(Task):
    """`share` of the training rows is called unusual: it sets the threshold."""

    kind: Literal["anomaly"]
    target: None = None
    fairness: tuple[()] = ()
    share: float = Field(default=0.05, gt=0, le=0.5)


class ForecastingTask(Task):
    """The next `horizon` values of `target`, one for each `time`; it repeats itself every `season` of them (1: not,
    None: as is usual for such steps of time)."""

    kind: Literal["forecasting"]
    target: Name
    time: Name
    behaviour: tuple[()] = ()
    fairness: tuple[()] = ()
    horizon: int = Field(ge=1)
    season: int | None = Field(default=None, ge=1)


AnyTask = Annotated[
    ClassificationTask | RegressionTask | ClusteringTask | AnomalyTask | ForecastingTask, Field(discriminator="kind")
]


class Split(Section):
    method: Literal["time", "random", "stratified", "group"]
    validation: float = Field(gt=0, lt=1)
    test: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def leaves_rows_to_train_on(self) -> Split:
        if self.validation + self.test >= 1:
            raise ValueError("validation + test must be below 1, or nothing is left to train on")
        return self


class Window(Section):
    """Which training rows are learnt from: all, those of the newest `days`, those of as many of `days` as do best by
    back-testing, or a `share` (0 to 1) that looks like the newest rows.
    """

    kind: Literal["all", "fixed", "dynamic", "like_production"] = "all"
    days: tuple[Annotated[float, Field(gt=0)], ...] = ()
    share: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def has_its_days(self) -> Window:
        if self.kind == "fixed" and len(self.days) != 1:
            raise ValueError("a fixed window needs one number of days")
        if self.kind == "dynamic" and not self.days:
            raise ValueError("a dynamic window needs numbers of days to try")
        return self


class Leakage(Section):
    """From which score (0.5 = chance, 1 = perfect) one feature alone is a leak, and what a leak does."""

    max_score: float = Field(gt=0.5, le=1)
    sample_rows: int = Field(ge=100)
    action: Literal["stop", "warn"]


class Engine(Section):
    """`memory` is what DuckDB may take before it goes to disk; `threads` null: all processors.

    `kind` is what `make batch` runs on; `address` that of a cluster, null for one of `processes` on this machine.
    """

    kind: Literal["local", "dask", "spark"] = "local"
    memory: str
    threads: int | None = Field(ge=1)
    processes: int = Field(default=1, ge=1)
    address: str | None = None


Models = Annotated[tuple[str, ...], Field(min_length=1)]


class Screening(Section):
    """Successive halving: all models on `rows`, then one in `factor`, at least `keep`, on `factor` times more."""

    rows: int = Field(ge=100)
    factor: int = Field(ge=2)
    keep: int = Field(ge=1)


class AutoML(Section):
    """`models` are PyCaret's short names, a list for each kind of task or one for all; `metric` null: the kind's own.

    `setup` and what follows are arguments of PyCaret's functions, checked against their signatures.
    """

    models: Models | dict[str, Models]
    metric: str | None
    folds: int = Field(ge=2)
    budget_minutes: float = Field(gt=0)
    screening: Screening | None
    sample_rows: int | None = Field(ge=100)
    improve: tuple[Literal["tune", "blend", "stack", "calibrate"], ...]
    setup: dict[str, Any]
    compare: dict[str, Any]
    tune: dict[str, Any]
    blend: dict[str, Any]
    stack: dict[str, Any]
    calibrate: dict[str, Any]

    def candidates(self, kind: str) -> tuple[str, ...]:
        """The models to compare for a kind of task."""
        return self.models.get(kind, ()) if isinstance(self.models, dict) else self.models


class Serving(Section):
    host: str
    port: int = Field(ge=0, le=65535)
    workers: int = Field(ge=1)
    max_rows: int = Field(ge=1)
    max_bytes: int = Field(ge=1000)
    max_seconds: float = Field(gt=0)
    max_explained: int = Field(ge=0)
    warm_explanations: bool
    log_requests: bool
    min_confidence: float = Field(ge=0, le=1)
    fallback: str | float | None
    rate_limit: str | None
    rate_limit_storage: str


class Rollout(Section):
    """`share` in percent, `hours` of a ramp; `margin` and `min_effect` in the unit of the outcome (monitoring/arms)."""

    alpha: float = Field(gt=0, lt=0.5)
    margin: float = Field(ge=0)
    min_effect: float = Field(gt=0)
    share: float = Field(gt=0, le=100)
    hours: float = Field(gt=0)


Share = Annotated[float, Field(ge=0, le=1)]


class Monitoring(Section):
    """Windows of the prediction log are judged. Something counts when `least` of the last `of` windows say it."""

    prediction_log: str
    retention_days: int = Field(ge=1)
    window: int = Field(ge=50)
    windows: int = Field(ge=1)
    min_rows: int = Field(ge=30)
    of: int = Field(ge=1)
    least: int = Field(ge=1)
    significance: float = Field(gt=0, lt=0.5)
    detector: Literal[
        "auto", "psi", "kolmogorov_smirnov", "cramer_von_mises", "wasserstein", "jensen_shannon", "chi_squared"
    ]
    large: int = Field(ge=1)
    thresholds: dict[str, float]
    together: Literal["classifier_two_sample", "maximum_mean_discrepancy"] | None
    max_drifted_share: Share
    tolerance: float = Field(ge=0)
    min_coverage: Share
    min_diversity: float = Field(ge=0)
    max_user_share: Share
    max_volume: float = Field(gt=1)

    @model_validator(mode="after")
    def counts_within_the_windows(self) -> Monitoring:
        if self.least > self.of:
            raise ValueError(f"least is {self.least}, but there are only {self.of} windows (of) to say it")
        return self


class Alerts(Section):
    """Secrets are read from the environment (monitoring/alerts.py)."""

    quiet_hours: float = Field(ge=0)
    webhook: str | None
    mail_to: tuple[str, ...]
    mail_from: str | None
    mail_host: str
    mail_port: int = Field(ge=1, le=65535)
    mail_user: str | None


class Retraining(Section):
    """Triggers, of which null or false is none; and how a new model learns and takes over."""

    combine: Literal["any", "all"]
    every_days: float | None = Field(gt=0)
    min_new_predictions: int | None = Field(ge=1)
    on_performance: bool
    on_drift: Share | None
    cool_down_hours: float = Field(ge=0)
    learning: Literal["scratch", "champion"]
    strategy: Literal["recreate", "blue-green"]
    challenger: Literal["shadow", "canary", "ramped", "ab"] | None


class Evaluation(Section):
    """`slices` are the features by which the hold-out is cut to find where a model fails; null: all."""

    slices: tuple[Name, ...] | None
    min_slice_rows: int = Field(ge=2)
    significance: float = Field(gt=0, lt=1)


class Gate(Section):
    """`floor`, `min_improvement` and `max_fall` are of the measure of the task: AUC or R²."""

    floor: float | None
    max_latency_ms: float = Field(gt=0)
    min_improvement: float = Field(ge=0)
    max_fall: float = Field(ge=0)
    confidence: float = Field(gt=0.5, lt=1)
    min_rows: int = Field(ge=1)


class Config(Section):
    """All that `conf/` can say, one field per group."""

    sources: dict[Name, Source] = Field(min_length=1)
    trust: Trust
    task: AnyTask
    split: Split
    window: Window
    leakage: Leakage
    engine: Engine
    automl: AutoML
    serving: Serving
    rollout: Rollout
    monitoring: Monitoring
    alerts: Alerts
    retraining: Retraining
    evaluation: Evaluation
    gate: Gate
    seed: int = Field(ge=0)

    @property
    def tables(self) -> dict[str, Table]:
        """Every table of every source."""
        return {name: table for key, source in self.sources.items() for name, table in source.tables_of(key).items()}

    @model_validator(mode="after")
    def names_each_table_once(self) -> Config:
        names = [name for key, source in self.sources.items() for name in source.tables_of(key)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two sources bring a table {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def names_what_the_split_goes_by(self) -> Config:
        if self.split.method == "stratified" and not isinstance(self.task, ClassificationTask):
            raise ValueError("split.method is stratified, which needs classes; choose another file of conf/split/")
        if self.split.method in ("time", "group") and getattr(self.task, self.split.method) is None:
            raise ValueError(
                f"split.method is {self.split.method}, so task.{self.split.method} must name a column; "
                "or choose another file of conf/split/"
            )
        return self


LOG = "PREDICTION_LOG"
"""The variable of the environment that takes the place of monitoring.prediction_log: a URL may hold a password."""


def load(layout: Layout) -> Config:
    """Read `params.yaml`. Raises ProjectError that names every key that is wrong."""
    if not layout.params.is_file():
        raise ProjectError(
            f"{layout.params} is not there. Run this in the project's folder; "
            "`make pipeline` writes the file from conf/."
        )
    values = yaml.safe_load(layout.params.read_text(encoding="utf-8"))
    log = os.environ.get(LOG)
    if log and isinstance(values, dict) and isinstance(values.get("monitoring"), dict):
        values["monitoring"]["prediction_log"] = log
    return parse(values, str(layout.params))


def parse(values: Any, where: str) -> Config:
    """`values` as read from YAML; `where` is named in the message."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        lines = [f"  {explain(problem, Config)}" for problem in error.errors()]
        raise ProjectError(
            f"{where} has {len(lines)} wrong key(s); correct them in conf/:\n" + "\n".join(lines)
        ) from error


def explain(problem: Any, model: type[BaseModel]) -> str:
    """One problem that pydantic has found in a `model`, in one line."""
    path, model = _named(problem["loc"], model)
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(problem["loc"][-1]), getattr(model, "model_fields", {}), n=1)
        return f"{path}: no such key" + (f"; did you mean {close[0]}?" if close else "")
    if problem["type"] == "missing":
        return f"{path}: missing"
    if problem["type"] == "value_error":
        return f"{path}: {problem['ctx']['error']}".removeprefix(": ")
    return f"{path}: {problem['msg']}, got {problem['input']!r}"


def _named(location: tuple[int | str, ...], model: Any) -> tuple[str, Any]:
    """A place in `model` as its path in conf/, and the model that the last part of it belongs to, where there is one.

    Where one of several models is chosen by its `kind`, pydantic names the kind as a part of its own: conf/ does not.
    """
    path: list[str] = []
    for position, part in enumerate(location):
        choices = {str(get_args(one.model_fields["kind"].annotation)[0]): one for one in _choices(model)}
        if part in choices:
            model = choices[str(part)]
            continue
        path.append(str(part))
        if position < len(location) - 1:
            field = getattr(model, "model_fields", {}).get(part)
            model = field.annotation if field else get_args(model)[-1] if get_origin(model) is dict else None
    return ".".join(path), model


def _choices(annotation: Any) -> list[Any]:
    """The models among which `kind` chooses; none where there is no choice."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return [one for one in get_args(annotation) if "kind" in getattr(one, "model_fields", {})]
