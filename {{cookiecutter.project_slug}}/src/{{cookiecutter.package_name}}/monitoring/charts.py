"""Numbers in, pictures out: SVG that a page holds as it is, without a script or a library to draw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup, escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 200, 56, 22, 12
COLOURS = ("#1a5fd0", "#c2571a", "#2b8a3e", "#8a3ab9")
CELL, NAMES = 18, 190


STYLE = (Path(__file__).parent / "charts.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Line:
    """`values` have None where there is none; `band` is the interval of each, `dashed` what is not measured."""

    name: str
    values: Sequence[float | None]
    band: Sequence[tuple[float, float] | None] = ()
    dashed: bool = False


def page(title: str, body: str) -> str:
    """A whole document that needs nothing beside itself; `body` is HTML."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        f'<link rel="icon" href="data:,">\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n'
    )


def lines(title: str, drawn: Sequence[Line], names: Sequence[str], marks: Mapping[int, str] | None = None) -> Markup:
    """Lines over places from left to right, `names` of which say what each is; `marks` are places with a word."""
    known = [value for line in drawn for value in line.values if value is not None]
    known += [end for line in drawn for pair in line.band if pair for end in pair]
    if not known:
        return Markup("<p>Nothing to draw yet.</p>")
    low, high = min(known), max(known)
    margin = (high - low) * 0.08 or abs(high) * 0.05 or 0.05
    low, high = low - margin, high + margin

    def x(place: float) -> float:
        return round(LEFT + (WIDTH - LEFT - 10) * (place + 0.5) / max(len(names), 1), 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (value - low) / (high - low), 1)

    parts = [_axes(low, high, y)]
    for place, word in (marks or {}).items():
        at = x(place - 0.5)
        parts.append(f'<line x1="{at}" x2="{at}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" class="mark"/>')
        parts.append(f'<text x="{at + 3}" y="{TOP + 9}">{escape(word)}</text>')
    for line, colour in zip(drawn, COLOURS * len(drawn), strict=False):
        band = [(place, pair) for place, pair in enumerate(line.band) if pair]
        if band:
            around = [(x(place), y(high_end)) for place, (_, high_end) in band]
            around += [(x(place), y(low_end)) for place, (low_end, _) in band[::-1]]
            parts.append(f'<polygon points="{_points(around)}" fill="{colour}" opacity="0.15"/>')
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        for run in _runs(line.values):
            points = [(x(place), y(value)) for place, value in run]
            parts.append(f'<polyline points="{_points(points)}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
            if not line.dashed:
                for (place, value), (across, up) in zip(run, points, strict=True):
                    told = f"<title>{escape(f'{names[place]}: {line.name} {value:.4g}')}</title>"
                    parts.append(f'<circle cx="{across}" cy="{up}" r="3" fill="{colour}">{told}</circle>')
    if names:
        for anchor, across, name in (("start", LEFT, names[0]), ("end", WIDTH - 4, names[-1])):
            parts.append(f'<text x="{across}" y="{HEIGHT - 5}" text-anchor="{anchor}">{escape(name)}</text>')
    key = "".join(
        f'<span><i style="background:{colour}"></i>{escape(line.name)}</span>'
        for line, colour in zip(drawn, COLOURS * len(drawn), strict=False)
    )
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    return Markup(f'<figure><figcaption>{escape(title)} <span class="key">{key}</span></figcaption>{svg}</figure>')


def heat(title: str, rows: Mapping[str, Sequence[tuple[float, bool, str] | None]]) -> Markup:
    """A row of cells for each name; each is its depth (0 to 1), whether it is outlined, and what it says."""
    width = NAMES + CELL * max((len(cells) for cells in rows.values()), default=0)
    parts = []
    for down, (name, cells) in enumerate(rows.items()):
        parts.append(f'<text x="{NAMES - 6}" y="{down * CELL + 13}" text-anchor="end">{escape(name)}</text>')
        for across, cell in enumerate(cells):
            if cell:
                depth, outlined, told = cell
                edge = ' stroke="#c4202b" stroke-width="2"' if outlined else ""
                place = f'x="{NAMES + across * CELL}" y="{down * CELL + 1}" width="{CELL - 3}" height="{CELL - 3}"'
                fill = f'fill="#c2571a" fill-opacity="{0.06 + 0.9 * min(depth, 1):.2f}"{edge}'
                parts.append(f"<rect {place} {fill}><title>{escape(told)}</title></rect>")
    size = f'viewBox="0 0 {width} {len(rows) * CELL + 2}" style="width:{width}px;min-width:0"'
    svg = f'<svg {size} role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    return Markup(f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>")


def _axes(low: float, high: float, y: object) -> str:
    assert callable(y)
    parts = []
    for value in (low + (high - low) * step / 4 for step in range(5)):
        up = y(value)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 4}" y1="{up}" y2="{up}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{up + 4}" text-anchor="end">{value:.3g}</text>')
    return "".join(parts)


def _points(pairs: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{across},{up}" for across, up in pairs)


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """The stretches of values without a gap."""
    runs: list[list[tuple[int, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((place, value))
    return [run for run in runs if run]
