"""The report's charts, as inline SVG; the page's CSS colours them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ml.evaluation.report.figures import Reliability, ScoreReport
    from ml.metrics import ReliabilityBin

_SIDE, _MARGIN = 260, 38
"""Of the plot area, in pixels."""

_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_LARGEST_DOT = 7.0

Point = tuple[float, float]


def reliability_chart(measured: Reliability, *, label: str) -> Markup:
    """Draw the share of correct predictions (bars) by predicted probability; the diagonal is perfect calibration."""
    bars = Markup("").join(_bar(one) for one in measured.bins if one.count)
    return _chart(bars + _line([(0, 0), (1, 1)], "ideal"), label, x="probability", y="share correct")


def score_chart(measured: ScoreReport, *, label: str) -> Markup:
    """Draw the score map (line), and the share of held-out results that are the same item, by cosine (dots)."""
    most = max(pairs for _, _, pairs in measured.observed)
    dots = Markup("").join(
        Markup('<circle class="dot" cx="{}" cy="{}" r="{}"><title>{} pairs at {}: {}</title></circle>').format(
            _x(cosine),
            _y(share),
            round(_LARGEST_DOT * (pairs / most) ** 0.5 / 2, 1),
            pairs,
            _decimal(cosine),
            _decimal(share),
        )
        for cosine, share, pairs in measured.observed
        if cosine >= 0
    )
    curve = _line(_from_zero(measured.curve), "curve")
    return _chart(curve + dots, label, x="cosine", y="same item")


def _from_zero(curve: Sequence[Point]) -> list[Point]:
    """Return the part of a piecewise linear curve with x >= 0."""
    before, after = max(p for p in curve if p[0] <= 0), min(p for p in curve if p[0] > 0)
    crossing = before[1] + (after[1] - before[1]) * -before[0] / (after[0] - before[0])
    return [(0.0, crossing), *(point for point in curve if point[0] > 0)]


def _chart(content: Markup, label: str, *, x: str, y: str) -> Markup:
    grid = Markup("").join(
        Markup(
            '<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/><line class="grid" x1="{3}" x2="{4}" y1="{5}" '
            'y2="{5}"/><text x="{0}" y="{6}" text-anchor="middle">{7}</text>'
            '<text x="{8}" y="{5}" text-anchor="end" dominant-baseline="middle">{7}</text>'
        ).format(_x(t), _y(0), _y(1), _x(0), _x(1), _y(t), _y(0) + 14, _decimal(t), _x(0) - 5)
        for t in _TICKS
    )
    side, middle = _SIDE + 2 * _MARGIN, _MARGIN + _SIDE / 2
    titles = Markup(
        '<text x="{0}" y="{1}" text-anchor="middle">{2}</text>'
        '<text x="12" y="{0}" text-anchor="middle" transform="rotate(-90 12 {0})">{3}</text>'
    ).format(middle, side - 6, x, y)
    frame = Markup('<svg viewBox="0 0 {0} {0}" role="img" aria-label="{1}">{2}</svg>')
    return frame.format(side, label, grid + titles + content)


def _bar(one: ReliabilityBin) -> Markup:
    value = one.share_right
    width = max(1.0, round(_x(one.high) - _x(one.low) - 1, 1))
    bar = Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"><title>{} predictions: {}</title></rect>')
    return bar.format(_x(one.low), _y(value), width, round(_y(0) - _y(value), 1), one.count, _decimal(value))


def _line(points: Iterable[Point], css: str) -> Markup:
    path = " ".join(f"{_x(x)},{_y(y)}" for x, y in points)
    return Markup('<polyline class="{}" points="{}"/>').format(css, path)


def _x(value: float) -> float:
    return round(_MARGIN + value * _SIDE, 1)


def _y(value: float) -> float:
    return round(_MARGIN + (1 - value) * _SIDE, 1)


def _decimal(value: float) -> str:
    return f"{value:.2f}"
