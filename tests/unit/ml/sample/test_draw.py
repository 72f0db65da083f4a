"""The drawings of items."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.sample.draw import Canvas, Paint
from ml.sample.items import KINDS
from ml.sample.kinds import ANY_PATTERN, COLOURS, Look

if TYPE_CHECKING:
    from ml.sample.kinds import Kind


def look_of(kind: Kind, style: str) -> Look:
    paint = Paint(COLOURS["teal"], COLOURS["cream"], kind.patterns[0])
    return Look(paint, COLOURS["teal"], COLOURS["cream"], style, (0.5, 0.5, 0.5, 0.5))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_style_of_a_kind_is_distinct_and_fills_its_canvas(kind: Kind) -> None:
    drawn = []
    for style in kind.styles:
        canvas = Canvas()
        kind.draw(canvas, look_of(kind, style))
        left, top, right, bottom = canvas.image.getbbox() or (0, 0, 0, 0)
        assert max(right - left, bottom - top) > 0.5 * canvas.image.width
        drawn.append(np.asarray(canvas.image, dtype=int))
    for one, other in combinations(drawn, 2):
        assert np.abs(one - other).mean() > 0.5


@pytest.mark.parametrize("pattern", ANY_PATTERN)
def test_every_pattern_except_plain_shows_both_colours(pattern: str) -> None:
    canvas = Canvas()
    canvas.box((0, 0, 1, 1), Paint((200, 0, 0), (0, 0, 200), pattern), "flat")  # type: ignore[arg-type]
    reds = (np.asarray(canvas.image)[..., 0] > 100).mean()
    assert (reds > 0.97) if pattern == "plain" else (0.2 < reds < 0.8)
