"""Draws `lifecycle.svg` from the table of transitions.

After a change of the table: `python docs/lifecycle_diagram.py`. A test compares the two.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import NamedTuple

from pytest_taskq.core.job import FINAL, State
from pytest_taskq.core.transitions import TRANSITIONS

TARGET = Path(__file__).with_name("lifecycle.svg")

WIDTH, HEIGHT = 960, 480
BOX_WIDTH, BOX_HEIGHT = 124, 46


class Point(NamedTuple):
    """A place in the picture, in pixels."""

    x: float
    y: float


PLACES = {
    State.QUEUED: Point(110, 225),
    State.RUNNING: Point(480, 225),
    State.DEAD: Point(850, 95),
    State.SUCCEEDED: Point(850, 225),
    State.CANCELLED: Point(850, 355),
}

# How far the middle of an arrow lies beside the straight line, to the left as one walks along it.
# Only arrows that would run into something else are bent.
BENDS = {
    (State.QUEUED, State.RUNNING): 26,
    (State.RUNNING, State.QUEUED): 26,
    (State.DEAD, State.QUEUED): -120,
    (State.QUEUED, State.CANCELLED): -84,
    (State.CANCELLED, State.QUEUED): 150,
}

STYLE = """\
  .card { fill: #ffffff; }
  .box { fill: #eef3fb; stroke: #33507a; stroke-width: 1.5; }
  .final { fill: #f4f4f4; stroke-width: 3; }
  .arrow { fill: none; stroke: #5a6b82; stroke-width: 1.4; marker-end: url(#head); }
  text { font: 14px sans-serif; fill: #1d2a3a; text-anchor: middle; dominant-baseline: middle; }
  .verb { font-size: 13px; font-style: italic; }"""

HEAD = """\
<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" \
orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="#5a6b82"/></marker></defs>"""


def arrows() -> dict[tuple[State, State], list[str]]:
    """The verbs of the table by the arrow that they stand at."""
    found: dict[tuple[State, State], list[str]] = {}
    for verb, changes in TRANSITIONS.items():
        for before, afters in changes.items():
            for after in sorted(afters):
                found.setdefault((before, after), []).append(verb)
    return found


def draw() -> str:
    """The whole picture as SVG."""
    said = "; ".join(
        f"{before} to {after} by {', '.join(verbs)}" for (before, after), verbs in arrows().items()
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>The states of a job: {escape(said)}.</title>",
        f"<style>\n{STYLE}\n</style>",
        HEAD,
        f'<rect class="card" width="{WIDTH}" height="{HEIGHT}" rx="12"/>',
    ]
    curves = [_curve(before, after) for before, after in arrows()]
    parts += [f'<path class="arrow" d="{path}"/>' for path, _ in curves]
    parts += [
        _label(", ".join(verbs), place)
        for (_, place), verbs in zip(curves, arrows().values(), strict=True)
    ]
    parts += [_box(state) for state in State]
    return "\n".join([*parts, "</svg>", ""])


def _box(state: State) -> str:
    x, y = PLACES[state]
    kind = "box final" if state in FINAL else "box"
    return (
        f'<rect class="{kind}" x="{x - BOX_WIDTH / 2:.0f}" y="{y - BOX_HEIGHT / 2:.0f}" '
        f'width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="10"/>'
        f'<text x="{x:.0f}" y="{y:.0f}">{state.name}</text>'
    )


def _label(text: str, place: Point) -> str:
    """Verbs on a piece of the card, so that their arrow does not cross them out."""
    width = 7 * len(text) + 8
    return (
        f'<rect class="card" x="{place.x - width / 2:.0f}" y="{place.y - 9:.0f}" '
        f'width="{width}" height="18"/>'
        f'<text class="verb" x="{place.x:.0f}" y="{place.y:.0f}">{text}</text>'
    )


def _curve(before: State, after: State) -> tuple[str, Point]:
    """The path of an arrow, and the place of its label."""
    start, end = PLACES[before], PLACES[after]
    if before is after:
        top = start.y - BOX_HEIGHT / 2
        left, right = start.x - 22, start.x + 22
        path = f"M{left:.0f},{top:.0f} C{left - 20:.0f},{top - 60:.0f} {right + 20:.0f},"
        return f"{path}{top - 60:.0f} {right:.0f},{top:.0f}", Point(start.x, top - 46)
    # A quadratic curve goes half as far as its control point.
    control = _beside(start, end, 2 * BENDS.get((before, after), 0))
    tail, head = _edge(start, control), _edge(end, control)
    path = f"M{tail.x:.0f},{tail.y:.0f} Q{control.x:.0f},{control.y:.0f} {head.x:.0f},{head.y:.0f}"
    middle = Point(
        (tail.x + 2 * control.x + head.x) / 4,
        (tail.y + 2 * control.y + head.y) / 4,
    )
    return path, middle


def _beside(start: Point, end: Point, distance: float) -> Point:
    """The point at this distance to the left of the middle between two others."""
    dx, dy = end.x - start.x, end.y - start.y
    length = (dx * dx + dy * dy) ** 0.5
    x, y = (start.x + end.x) / 2, (start.y + end.y) / 2
    return Point(x + distance * dy / length, y - distance * dx / length)


def _edge(center: Point, towards: Point) -> Point:
    """Where the line from the center of a box leaves it."""
    dx, dy = towards.x - center.x, towards.y - center.y
    scale = min(
        BOX_WIDTH / 2 / abs(dx) if dx else float("inf"),
        BOX_HEIGHT / 2 / abs(dy) if dy else float("inf"),
    )
    return Point(center.x + dx * scale, center.y + dy * scale)


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
