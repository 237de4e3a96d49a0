import re
from xml.etree import ElementTree

import numpy as np

from gedanken.evaluation.landscape import Landscape
from gedanken.evaluation.report.data import Chart, EndStates, Series
from gedanken.evaluation.report.svg import LEVELS, colours, heat_map, line_chart, scatter


def read(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def of(svg: str, name: str) -> list[ElementTree.Element]:
    """Elements with this class."""
    return [each for each in read(svg).iter() if name in each.get("class", "").split()]


def points(path: ElementTree.Element) -> np.ndarray:
    return np.array(re.findall(r"[ML](\S+) ([\d.]+)", path.get("d", "")), dtype=float)


def test_a_line_goes_where_its_values_go():
    svg = line_chart(Chart("error", [Series("model", [0, 1, 2, 3], [0.0, 1.0, 2.0, 4.0])], "step", "px"))
    (line,) = of(svg, "line")
    columns, rows = points(line).T
    assert np.allclose(np.diff(columns), columns[1] - columns[0], atol=0.2)
    assert np.all(np.diff(rows) < 0)
    assert np.isclose(rows[2] - rows[3], 2 * (rows[1] - rows[2]), atol=0.3)
    words = [text.text for text in read(svg).iter("text")]
    assert {"step", "px", "0", "2", "4"} <= set(words)


def test_a_wide_range_is_drawn_on_a_logarithmic_axis_unless_forbidden():
    values = [1000.0, 100.0, 10.0, 1.0]
    rows = points(of(line_chart(Chart("loss", [Series("a", range(4), values)])), "line")[0])[:, 1]
    assert np.allclose(np.diff(rows), rows[1] - rows[0], atol=0.3)
    flat = points(of(line_chart(Chart("loss", [Series("a", range(4), values)], log_y=False)), "line")[0])[:, 1]
    assert not np.allclose(np.diff(flat), flat[1] - flat[0], atol=5)


def test_a_value_that_is_not_finite_leaves_a_gap():
    svg = line_chart(Chart("loss", [Series("a", range(5), [1.0, 2.0, np.nan, np.inf, 1.0])]))
    assert of(svg, "line")[0].get("d", "").count("M") == 2
    assert "nan" not in svg
    assert "inf" not in svg.lower().replace("infinity", "")


def test_bands_marks_and_faint_lines():
    series = [
        Series("raw", range(3), [3, 1, 2], faint=True),
        Series("smooth", range(3), [2, 2, 2], [1, 1, 1], [3, 3, 3]),
        Series("other", range(3), [1, 1, 1]),
    ]
    svg = line_chart(Chart("x", series, mark=(2.5, "a <limit>")))
    assert colours(series) == ["s0", "s0", "s1"]
    assert len(of(svg, "band")) == len(of(svg, "faint")) == len(of(svg, "mark")) == 1
    assert len(of(svg, "line")) == 2
    assert "a &lt;limit&gt;" in svg


def test_long_lines_are_thinned_to_what_can_be_seen():
    values = np.arange(20_000.0)
    path = points(of(line_chart(Chart("x", [Series("a", values, values)])), "line")[0])
    assert 200 < len(path) <= 400
    assert path[-1][0] > path[0][0] + 250


def test_the_scatter_puts_a_true_plan_on_the_diagonal():
    svg = scatter(
        EndStates(np.array([1.0, 4.0, np.nan]), np.array([1.0, 0.5, 1.0]), np.array([True, False, True]), "px")
    )
    (diagonal,) = of(svg, "mark")
    x1, x2, y1, y2 = (float(diagonal.get(key, "")) for key in ("x1", "x2", "y1", "y2"))
    (hit,), (miss,) = of(svg, "hit"), of(svg, "miss")

    def height(dot: ElementTree.Element) -> float:
        share = (float(dot.get("cx", "")) - x1) / (x2 - x1)
        return y1 + share * (y2 - y1) - float(dot.get("cy", ""))

    assert abs(height(hit)) < 0.1
    assert height(miss) < -10  # executed nearer than imagined: below the diagonal


def test_the_heat_map_marks_minimum_and_true_action_where_they_are():
    x = y = np.linspace(-1, 1, 21)
    energy = (x[None] - 0.5) ** 2 + (y[:, None] + 0.2) ** 2
    energy[np.hypot(*np.meshgrid(x, y)) > 1.001] = np.nan
    svg = heat_map(Landscape(x, y, energy, minimum=(0.5, -0.2), true=(-0.5, 0.2), unit="px"), "first")
    ring = of(svg, "ring")[0]
    column, row = float(ring.get("cx", "")), float(ring.get("cy", ""))
    darkest = [each for each in of(svg, "h0") if float(each.get("height", "")) < 15]
    boxes = [tuple(float(each.get(key, "")) for key in ("x", "y", "width", "height")) for each in darkest]
    assert any(left <= column <= left + wide and top <= row <= top + tall for left, top, wide, tall in boxes)
    cross = next(each for each in of(svg, "pen") if each.tag == "path")
    at = np.array(re.findall(r"M(\S+) ([\d.]+)l", cross.get("d", "")), float)[0] + 5.5
    middle = 46 + 125, 10 + 125
    assert np.allclose(at - middle, [-62.5, 25.0], atol=0.2)
    assert np.allclose([column - middle[0], row - middle[1]], [62.5, -25.0], atol=0.2)
    # nothing is drawn where no action is allowed: the corners of the square stay empty
    assert min(box[0] for box in boxes) > 46
    assert len(of(svg, f"h{LEVELS - 1}")) > 1
    assert len(svg) < 60_000


def test_a_flat_landscape_is_drawn():
    x = np.linspace(-1, 1, 5)
    assert "nan" not in heat_map(Landscape(x, x, np.ones((5, 5)), minimum=(-1.0, -1.0)), "flat")
