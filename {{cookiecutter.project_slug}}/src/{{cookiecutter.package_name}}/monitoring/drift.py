"""Windows of the log and the rows that the model was tested on in, what has drifted out, told apart by its kind.

SciPy decides; Evidently (imported late, it takes seconds) draws the report that people look at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..config import Monitoring
from ..layout import replacing
from ..models.bundle import ACTUAL, SCORE
from . import detectors
from .detectors import Detection
from .findings import Finding
from .windows import Window


@dataclass(frozen=True)
class DriftKind:
    """A kind of drift, what it means and what is to be done about it."""

    name: str
    meaning: str
    do: str


DATA = DriftKind(
    "data drift",
    "what the model is asked is otherwise distributed than the rows that it was tested on",
    "See whether the model is still right, and where the inputs come from; by itself it is no reason to retrain.",
)
KINDS = {
    SCORE: DriftKind(
        "prediction drift",
        "the model answers otherwise than on the rows that it was tested on",
        "Look for the inputs that drifted with it; a broken one is mended at its source.",
    ),
    ACTUAL: DriftKind(
        "label drift",
        "the truth is otherwise distributed than in the rows that the model was tested on",
        "Probabilities may be off for all rows: look at performance, and retrain if it fell.",
    ),
}


@dataclass(frozen=True)
class Compared:
    """A column of one window against the reference; `p_value` is that of the window's columns taken together."""

    column: str
    detector: str
    statistic: float
    p_value: float | None
    differs: bool


@dataclass(frozen=True)
class Drift:
    """`suspected` columns differ in the newest window, `drifted` ones in `monitoring.least` of the last `of` windows.

    An unfinished window counts where there is no other.

    `share` is that of the features that drifted (0 to 1); None without a window to judge.
    """

    windows: list[list[Compared]]
    suspected: tuple[str, ...]
    drifted: tuple[str, ...]
    share: float | None
    together: Compared | None


def judge(windows: Sequence[Window], reference: Window, policy: Monitoring, seed: int) -> Drift:
    """Every column of every window, and in the newest one all features together."""
    compared = [compare(window.rows, reference.rows, policy) for window in windows]
    differing = [[one.column for one in columns if one.differs] for columns in compared]
    whole = [names for names, window in zip(differing, windows, strict=True) if window.whole]
    recent = (whole or differing)[-policy.of :]
    counts = Counter(name for names in recent for name in names)
    drifted = tuple(str(name) for name in reference.rows if counts[str(name)] >= policy.least)
    features = [name for name in reference.rows if name not in KINDS]
    share = len([name for name in drifted if name in features]) / len(features) if windows else None
    together = None
    if windows and policy.together and len(windows[-1].rows) >= policy.min_rows:
        detect = detectors.TOGETHER[policy.together]
        one = detect(reference.rows[features], windows[-1].rows[features], seed)
        differs = _differs(one, one.p_value, policy)
        together = Compared("all features", one.detector, one.statistic, one.p_value, differs)
    suspected = tuple(differing[-1]) if differing else ()
    return Drift(compared, suspected, drifted, share, together)


def compare(rows: pd.DataFrame, reference: pd.DataFrame, policy: Monitoring) -> list[Compared]:
    """Each column that has enough values on both sides; p-values are adjusted for the number of columns."""
    found = {}
    for name in reference:
        side, other = reference[name], rows[name]
        if name == ACTUAL:
            side, other = side.dropna().infer_objects(), other.dropna().infer_objects()
        if min(side.notna().sum(), other.notna().sum()) >= policy.min_rows:
            found[str(name)] = chosen(side, other, policy)
    tested = {name: one.p_value for name, one in found.items() if one.p_value is not None}
    together = dict(zip(tested, detectors.adjusted(list(tested.values())), strict=True))
    judged = {name: _differs(one, together.get(name), policy) for name, one in found.items()}
    return [
        Compared(name, one.detector, round(one.statistic, 4), together.get(name), judged[name])
        for name, one in found.items()
    ]


def chosen(reference: pd.Series, current: pd.Series, policy: Monitoring) -> Detection:
    """The detector of `monitoring.detector`; auto: a test of small samples, the stability index of large ones, of which
    a test would call every trifle different.
    """
    numeric = pd.api.types.is_numeric_dtype(reference)
    name = policy.detector
    if name == "auto":
        large = min(len(reference), len(current)) >= policy.large
        name = "psi" if large else "kolmogorov_smirnov" if numeric else "chi_squared"
    if not numeric and name in detectors.NUMBERS:
        name = "chi_squared"
    return (detectors.NUMBERS.get(name) or detectors.ANY[name])(reference, current)


def _differs(found: Detection, p_value: float | None, policy: Monitoring) -> bool:
    """Surely different, where there is a test, and by enough to matter, where there is a threshold."""
    least = policy.thresholds.get(found.detector)
    surely = p_value is None or p_value < policy.significance
    return bool(surely and (least is None or found.statistic > least))


def findings(drift: Drift, policy: Monitoring) -> list[Finding]:
    """One for each input that drifted, and one for each kind of drift that counts."""
    inputs = [name for name in drift.drifted if name not in KINDS]
    alone = [
        Finding(f"drift:{name}", "warning", f"{name} drifted: {_how_far(drift, name)}", DATA.do) for name in inputs
    ]
    counts = {
        DATA: drift.share is not None and drift.share > policy.max_drifted_share,
        **{kind: column in drift.drifted for column, kind in KINDS.items()},
    }
    return alone + [
        Finding(
            kind.name.replace(" ", "_"),
            "warning",
            f"{kind.name}: {kind.meaning}" + (f" ({', '.join(inputs)})" if kind is DATA else ""),
            kind.do,
        )
        for kind, tell in counts.items()
        if tell
    ]


def _how_far(drift: Drift, column: str) -> str:
    found = [one for columns in drift.windows for one in columns if one.column == column and one.differs][-1]
    return f"{found.detector.replace('_', ' ')} {found.statistic:.3g} in the newest window in which it differs"


def shown(names: Sequence[str]) -> str:
    """Columns in words."""
    return ", ".join("truth" if name == ACTUAL else name for name in names) or "nothing"


def write_page(window: Window, reference: Window, threshold: float, page: Path) -> None:
    """Evidently's drift report of one window, by the stability index."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    sides = [side.rows.drop(columns=ACTUAL) for side in (window, reference)]
    numeric = list(sides[1].select_dtypes("number").columns)
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in sides[1] if name not in numeric]
    )
    current, past = (Dataset.from_pandas(frame, data_definition=definition) for frame in sides)
    with replacing(page) as temporary:
        Report([DataDriftPreset(method="psi", threshold=threshold)]).run(current, past).save_html(str(temporary))
