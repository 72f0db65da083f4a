"""Kinds of items for children, and other goods."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from ml.sample.draw import darker, mixed, smooth
from ml.sample.kinds import ANY_PATTERN, DARK, METAL, PALE, WOOD, Kind

if TYPE_CHECKING:
    from ml.sample.draw import Canvas
    from ml.sample.kinds import Look


def pram(canvas: Canvas, look: Look) -> None:
    canvas.line([(0.3, 0.6), (0.66, 0.84)], METAL, 0.02)
    canvas.line([(0.7, 0.6), (0.34, 0.84)], METAL, 0.02)
    canvas.line([(0.76, 0.52), (0.9, 0.3), (0.96, 0.3)], METAL, 0.024)
    canvas.line([(0.9, 0.3), (0.97, 0.3)], DARK, 0.04)
    size = 0.1 if look.style != "three-wheeled" else 0.12
    for x in (0.32, 0.7) if look.style != "three-wheeled" else (0.22, 0.7):
        canvas.ellipse((x - size, 0.94 - 2 * size, x + size, 0.94), DARK, "ball")
        canvas.ellipse((x - size / 2, 0.94 - 1.5 * size, x + size / 2, 0.94 - size / 2), METAL)
    canvas.polygon(smooth([(0.14, 0.44), (0.8, 0.44), (0.72, 0.66), (0.28, 0.68)]), look.paint)
    hood = [(0.14, 0.46), (0.16, 0.24), (0.34, 0.1), (0.48, 0.12), (0.5, 0.46)]
    canvas.polygon(hood, look.second if look.style != "carrycot" else look.paint)
    for x, y in ((0.24, 0.17), (0.36, 0.1)):
        canvas.line([(0.48, 0.45), (x, y)], darker(look.second), 0.01)
    if look.style == "carrycot":
        canvas.box((0.5, 0.42, 0.8, 0.5), look.second, radius=0.03)


def teddy_bear(canvas: Canvas, look: Look) -> None:
    fur, inner = look.paint, mixed(look.colour, PALE, 0.6)
    for x in (0.32, 0.68):
        canvas.ellipse((x - 0.1, 0.04, x + 0.1, 0.24), fur, "ball")
        canvas.ellipse((x - 0.055, 0.08, x + 0.055, 0.2), inner, "flat")
    for x, y in ((0.2, 0.54), (0.8, 0.54)):
        canvas.ellipse((x - 0.1, y - 0.08, x + 0.1, y + 0.22), fur, "ball")
    for x in (0.3, 0.7):
        canvas.ellipse((x - 0.14, 0.74, x + 0.14, 0.98), fur, "ball")
        canvas.ellipse((x - 0.07, 0.82, x + 0.07, 0.95), inner, "flat")
    canvas.ellipse((0.27, 0.42, 0.73, 0.9), fur, "ball")
    if look.style == "dressed":
        canvas.box((0.3, 0.56, 0.7, 0.8), look.second, "round", radius=0.06)
    canvas.ellipse((0.26, 0.08, 0.74, 0.52), fur, "ball")
    canvas.ellipse((0.39, 0.3, 0.61, 0.48), inner, "flat")
    canvas.ellipse((0.46, 0.31, 0.54, 0.38), DARK, "ball")
    for x in (0.4, 0.6):
        canvas.ellipse((x - 0.03, 0.21, x + 0.03, 0.28), DARK, "ball")
    if look.style == "bow-tied":
        for side in (-1, 1):
            canvas.polygon([(0.5, 0.54), (0.5 + side * 0.17, 0.47), (0.5 + side * 0.17, 0.61)], look.second)


def umbrella(canvas: Canvas, look: Look) -> None:
    drop = look.between(0.5, 0.58)
    if look.style == "pocket":
        canvas.line([(0.5, 0.1), (0.5, 0.66)], METAL, 0.022)
        canvas.box((0.46, 0.64, 0.54, 0.82), look.second, "round", radius=0.03)
    else:
        canvas.line([(0.5, 0.1), (0.5, 0.84)], WOOD if look.style == "walking" else METAL, 0.024)
        canvas.arc((0.5, 0.76, 0.64, 0.94), (0, 180), look.second, 0.035)
    canvas.line([(0.5, 0.03), (0.5, 0.1)], DARK, 0.016)
    rim = [(0.04 + step * 0.23, drop) for step in range(5)]
    dips = [((a[0] + b[0]) / 2, drop - 0.07) for a, b in pairwise(rim)]
    lower = [point for pair in zip(rim, [*dips, rim[-1]], strict=True) for point in pair][:-1]
    dome = [(0.96 - 0.46 * (1 - math.cos(t)), drop - (drop - 0.09) * math.sin(t)) for t in _quarter_circle()]
    left = [(1 - x, y) for x, y in reversed(dome)]
    canvas.polygon([*lower, *dome, *left], look.paint)
    ribs = [[(0.5, 0.09), ((0.5 + x) / 2 + (x - 0.5) * 0.35, 0.26), (x, drop)] for x, _ in rim[1:-1]]
    if look.style == "golf":
        canvas.polygon([*ribs[0], dips[1], *reversed(ribs[1])], look.second)
    for rib in ribs:
        canvas.line(rib, darker(look.colour, 0.7), 0.01)


def _quarter_circle() -> list[float]:
    return [math.pi / 2 * step / 10 for step in range(11)]


def wall_clock(canvas: Canvas, look: Look) -> None:
    if look.style == "sunburst":
        for ray in range(16):
            angle = math.pi * ray / 8
            x, y = 0.5 + 0.46 * math.cos(angle), 0.5 + 0.46 * math.sin(angle)
            canvas.line([(0.5, 0.5), (x, y)], look.second if ray % 2 else look.colour, 0.03)
    inset = {"round": 0.08, "square": 0.1, "sunburst": 0.22}[look.style]
    shape = canvas.box if look.style == "square" else canvas.ellipse
    shape((inset, inset, 1 - inset, 1 - inset), look.paint)
    shape((inset + 0.08, inset + 0.08, 0.92 - inset, 0.92 - inset), PALE if look.numbers[1] > 0.4 else look.second)
    radius = 0.36 - inset
    for hour in range(12):
        angle = math.pi * hour / 6
        x, y = 0.5 + radius * math.cos(angle), 0.5 + radius * math.sin(angle)
        canvas.ellipse((x - 0.016, y - 0.016, x + 0.016, y + 0.016), DARK, "flat")
    for length, angle in ((radius * 0.6, look.between(0, 6)), (radius * 0.9, look.between(0, 6, 2))):
        canvas.line([(0.5, 0.5), (0.5 + length * math.cos(angle), 0.5 + length * math.sin(angle))], DARK, 0.024)


_BABY = "Baby & Kids Stuff"

KINDS = (
    Kind("pram", _BABY, "Prams & Strollers", (25, 260), ("carrycot", "upright", "three-wheeled"), pram,
         ("With rain cover.", "Folds flat.", "Used for one child."), ANY_PATTERN),
    Kind("teddy bear", _BABY, "Toys", (3, 22), ("classic", "bow-tied", "dressed"), teddy_bear,
         ("Machine washable.", "Very soft.", "Looking for a new friend."),
         ("plain", "plain", "spots", "checks", "two-tone")),
    Kind("umbrella", "Other Goods", "Other", (3, 25), ("golf", "walking", "pocket"), umbrella,
         ("Stood up to several storms.", "Opens at a button.", "With sleeve."), ANY_PATTERN),
    Kind("wall clock", "Other Goods", "Antiques", (5, 50), ("round", "square", "sunburst"), wall_clock,
         ("Keeps time.", "Runs on one AA battery.", "The glass is unbroken.")),
)  # fmt: skip
