"""Charts: well-formed SVG, whatever is in the names, and the same for the same lines."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from cli.charts import Line, chart

_SPACE = "{http://www.w3.org/2000/svg}"


def points(svg: str) -> list[list[tuple[float, float]]]:
    root = ET.fromstring(svg)  # noqa: S314 - made here
    lines = [line.get("points", "").split() for line in root.iter(f"{_SPACE}polyline")]
    return [[(float(x), float(y)) for x, y in (pair.split(",") for pair in line)] for line in lines]


def test_two_lines_that_rise_within_the_picture() -> None:
    svg = chart("Title", "below", Line("more", [10, 20, 2364]), Line("less", [1, 2, 3]))
    more, less = points(svg)
    assert len(more) == len(less) == 4
    assert all(0 <= x <= 760 and 0 <= y <= 420 for x, y in more + less)
    assert more[-1][1] < less[-1][1]
    assert "2,364" in svg


def test_foreign_text_is_escaped() -> None:
    svg = chart('<script>"&', "a < b", Line("x & y", [1]), Line("<g>", [2]))
    root = ET.fromstring(svg)  # noqa: S314 - made here
    assert not list(root.iter(f"{_SPACE}script"))
    assert "<script>" in "".join(root.itertext())


@pytest.mark.parametrize("values", [[], [0.0], [0.0] * 90, [1e9]])
def test_any_lines_make_a_picture(values: list[float]) -> None:
    assert len(points(chart("t", "b", Line("a", values), Line("b", values)))) == 2


def test_names_of_lines_that_end_together_do_not_lie_on_each_other() -> None:
    svg = chart("t", "b", Line("one", [100]), Line("two", [100]))
    root = ET.fromstring(svg)  # noqa: S314 - made here
    heights = [float(text.get("y", "0")) for text in root.iter(f"{_SPACE}text") if text.text in ("one", "two")]
    assert abs(heights[0] - heights[1]) >= 30
