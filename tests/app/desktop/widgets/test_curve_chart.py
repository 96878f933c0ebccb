"""Curves of any length are painted with few points, and no peak is lost."""

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.desktop.services.curve import Curve
from app.desktop.widgets.curve_chart import MOST_POINTS, CurveChart, Line, thinned


@pytest.mark.parametrize("count", [1, 400, 401, 800, 801, 12_345])
def test_few_points_keep_the_ends_and_the_peaks(count: int) -> None:
    steps = np.arange(1.0, count + 1)
    values = np.sin(steps)
    values[count // 2] = 9.0
    values[count // 3] = -9.0
    few, kept = thinned(steps, values)
    assert len(few) <= MOST_POINTS + 1
    assert (np.diff(few) >= 0).all()
    assert few[-1] == count
    assert kept.min() == values.min()
    assert kept.max() == values.max()
    assert (kept == values[few.astype(int) - 1]).all()


def test_what_is_painted_is_a_copy() -> None:
    steps, values = np.arange(3.0), np.ones(3)
    few, kept = thinned(steps, values)
    values[0] = 7.0
    steps[0] = 7.0
    assert (few[0], kept[0]) == (0.0, 1.0)


def test_a_chart_without_values_says_so(qtbot: QtBot) -> None:
    chart = CurveChart("Loss chart", [Line("training", "accent")], lambda value: f"{value:.1f}", 120)
    qtbot.addWidget(chart)
    chart.show_curves({"training": (Curve(1), 0)}, 0)
    assert chart.accessibleDescription() == "no values yet"
    chart.point_at(3)
    assert chart.values.isHidden()
    curve = Curve(1)
    curve.put(4, 0.25)
    chart.show_curves({"training": (curve, 0)}, 10, (4, "best"))
    assert chart.accessibleDescription() == "training 0.2"
    chart.point_at(9)
    assert chart.values.text() == "step 4 · training 0.2"
