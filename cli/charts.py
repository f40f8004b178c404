"""Charts: one small SVG of lines over days, written by hand; readable on light and on dark ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 210, 70, 58
_STYLE = """
  svg { color-scheme: light dark; }
  text { font: 14px system-ui, "DejaVu Sans", sans-serif; fill: #1c2330; }
  .title { font-size: 17px; font-weight: 600; }
  .small { font-size: 12px; fill: #4c566a; }
  .ground { fill: #ffffff; }
  .grid { stroke: #d5dae3; stroke-width: 1; }
  .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
  .a { stroke: #b3261e; } text.a { stroke: none; fill: #b3261e; font-weight: 600; }
  .b { stroke: #0b6e4f; stroke-dasharray: 7 4; } text.b { stroke: none; fill: #0b6e4f; font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e9f0; } .small { fill: #aab3c5; } .ground { fill: #14181f; } .grid { stroke: #363e4d; }
    .a { stroke: #ff8a80; } text.a { fill: #ff8a80; }
    .b { stroke: #5fd3a6; } text.b { fill: #5fd3a6; }
  }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, and a value for each day."""

    name: str
    values: Sequence[float]


def chart(title: str, below: str, first: Line, second: Line) -> str:
    """Return the SVG of two lines that begin on the same day; all text is escaped."""
    days = max(len(first.values), len(second.values), 1)
    highest = _round_up(max([1.0, *first.values, *second.values]))
    lines = "\n".join(
        _line(line, kind, days, highest, lift=lift)
        for line, kind, lift in ((first, "a", 0), (second, "b", _lift(first, second, highest)))
    )
    grid = "\n".join(_grid(highest * part / 4, highest) for part in range(5))
    ticks = "\n".join(_tick(days * part // 3, days) for part in range(4))
    described = escape(f"{title}. {first.name}: {_last(first):,.0f}; {second.name}: {_last(second):,.0f}.")
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{described}">
<style>{_STYLE}</style>
<rect class="ground" width="{_WIDTH}" height="{_HEIGHT}"/>
<text class="title" x="20" y="30">{escape(title)}</text>
<text class="small" x="20" y="50">{escape(below)}</text>
{grid}
{ticks}
<text class="small" x="{_LEFT + _plot_width() / 2:.0f}" y="{_HEIGHT - 14}" text-anchor="middle">day of the attack</text>
{lines}
</svg>
"""


def _line(line: Line, kind: str, days: int, highest: float, *, lift: float) -> str:
    points = [(0, 0.0), *((day + 1, value) for day, value in enumerate(line.values))]
    path = " ".join(f"{_x(day, days):.1f},{_y(value, highest):.1f}" for day, value in points)
    end_x, end_y = _x(points[-1][0], days), _y(points[-1][1], highest)
    return (
        f'<polyline class="line {kind}" points="{path}"/>\n'
        f'<text class="{kind}" x="{end_x + 8:.1f}" y="{end_y + lift - 3:.1f}">{points[-1][1]:,.0f}</text>\n'
        f'<text class="small" x="{end_x + 8:.1f}" y="{end_y + lift + 13:.1f}">{escape(line.name)}</text>'
    )


def _lift(first: Line, second: Line, highest: float) -> float:
    """Return how far the second line's name moves so that it does not lie on the first one's."""
    apart = _y(_last(second), highest) - _y(_last(first), highest)
    room = 36.0
    return 0.0 if abs(apart) >= room else (room - abs(apart)) * (1 if apart >= 0 else -1)


def _grid(value: float, highest: float) -> str:
    y = _y(value, highest)
    return (
        f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>'
        f'<text class="small" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,.0f}</text>'
    )


def _tick(day: int, days: int) -> str:
    return f'<text class="small" x="{_x(day, days):.1f}" y="{_HEIGHT - 34}" text-anchor="middle">{day}</text>'


def _x(day: float, days: int) -> float:
    return _LEFT + _plot_width() * day / days


def _y(value: float, highest: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value / highest)


def _plot_width() -> int:
    return _WIDTH - _LEFT - _RIGHT


def _last(line: Line) -> float:
    return line.values[-1] if line.values else 0.0


def _round_up(value: float) -> float:
    """Return the next number that divides into four round parts."""
    size = 1.0
    while size * 10 < value:
        size *= 10
    return next((size * step for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if size * step >= value), size * 10)
