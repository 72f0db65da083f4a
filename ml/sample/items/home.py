"""Kinds of items for the home: furniture, ornaments and appliances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.sample.draw import darker, mirrored, mixed, smooth
from ml.sample.kinds import ANY_PATTERN, DARK, METAL, PALE, WOOD, Kind

if TYPE_CHECKING:
    from ml.sample.draw import Canvas, Pattern
    from ml.sample.kinds import Look


def table_lamp(canvas: Canvas, look: Look) -> None:
    wide = look.between(0.26, 0.36)
    canvas.ellipse((0.33, 0.84, 0.67, 0.93), look.second)
    canvas.box((0.475, 0.48, 0.525, 0.88), look.second, "round")
    if look.numbers[1] > 0.4:
        canvas.ellipse((0.38, 0.58, 0.62, 0.86), look.second, "ball")
    if look.style == "globe":
        canvas.ellipse((0.5 - wide, 0.06, 0.5 + wide, 0.58), look.paint, "ball")
        return
    top = wide * 0.92 if look.style == "drum" else wide * 0.45
    canvas.polygon([(0.5 - top, 0.08), (0.5 + top, 0.08), (0.5 + wide, 0.54), (0.5 - wide, 0.54)], look.paint, "round")
    canvas.line([(0.5 + wide * 0.5, 0.54), (0.5 + wide * 0.5, 0.66)], METAL, 0.008)
    canvas.ellipse((0.485 + wide * 0.5, 0.65, 0.515 + wide * 0.5, 0.68), METAL)


def armchair(canvas: Canvas, look: Look) -> None:
    half, top = look.between(0.30, 0.37), {"wing-back": 0.06, "tub": 0.26, "low-back": 0.3}[look.style]
    for left in (0.54 - half, 0.4 + half):
        canvas.box((left, 0.84, left + 0.06, 0.95), WOOD)
    canvas.box((0.54 - half, top, 0.46 + half, 0.75), look.paint, radius=0.12 if look.style == "tub" else 0.05)
    if look.style == "wing-back":
        for side in (-1, 1):
            wing = [(half - 0.06, 0.1), (half + 0.05, 0.16), (half + 0.05, 0.54), (half - 0.04, 0.54)]
            canvas.polygon(smooth([(0.5 + side * x, y) for x, y in wing]), look.paint)
    canvas.box((0.55 - half, 0.56, 0.45 + half, 0.74), look.paint, radius=0.05)
    canvas.box((0.5 - half, 0.72, 0.5 + half, 0.88), look.paint, radius=0.02)
    arm = 0.44 if look.style != "tub" else 0.38
    for left in (0.42 - half, 0.44 + half):
        canvas.box((left, arm, left + 0.14, 0.89), look.paint, radius=0.06)
    if look.numbers[1] > 0.45:
        cushion = [(0.38, 0.4), (0.6, 0.38), (0.62, 0.6), (0.4, 0.6)]
        canvas.polygon(smooth(cushion), look.second)


def washing_machine(canvas: Canvas, look: Look) -> None:
    left, right = (0.22, 0.78) if look.style == "compact" else (0.14, 0.86)
    canvas.box((left, 0.08, right, 0.94), look.paint, radius=0.02)
    canvas.box((left, 0.08, right, 0.24), look.second, radius=0.02)
    canvas.box((left + 0.03, 0.11, left + 0.2, 0.2), PALE)
    canvas.ellipse((right - 0.14, 0.1, right - 0.03, 0.22), METAL, "ball")
    canvas.box((left + 0.26, 0.13, left + 0.4, 0.19), (40, 70, 60), "flat")
    radius = look.between(0.2, 0.25)
    if look.style == "top-loading":
        canvas.polygon([(left, 0.08), (right, 0.08), (right - 0.06, 0.0), (left + 0.06, 0.0)], mixed(look.colour, PALE))
        canvas.box((0.3, 0.4, 0.7, 0.44), darker(look.colour, 0.75))
        return
    canvas.ellipse((0.5 - radius - 0.05, 0.53 - radius, 0.5 + radius + 0.05, 0.63 + radius), METAL)
    canvas.ellipse((0.5 - radius, 0.58 - radius, 0.5 + radius, 0.58 + radius), (52, 68, 84), "ball")
    canvas.arc((0.56 - radius, 0.64 - radius, 0.44 + radius, 0.52 + radius), (190, 260), PALE, 0.02)


def kettle(canvas: Canvas, look: Look) -> None:
    if look.style == "gooseneck":
        spout = [(0.3, 0.72), (0.16, 0.6), (0.14, 0.4), (0.06, 0.32)]
        canvas.line(spout, darker(look.colour, 0.8), 0.05)
    else:
        canvas.polygon([(0.34, 0.34), (0.14, 0.28), (0.18, 0.42), (0.3, 0.56)], look.colour)
    canvas.line([(0.66, 0.3), (0.86, 0.3), (0.88, 0.52), (0.72, 0.76)], DARK, 0.055)
    wide = look.between(0.24, 0.3)
    outlines = {
        "jug": [(0.66, 0.24), (0.69, 0.5), (0.5 + wide, 0.84)],
        "dome": [(0.58, 0.2), (0.74, 0.4), (0.54 + wide, 0.84)],
        "gooseneck": [(0.6, 0.36), (0.68, 0.56), (0.52 + wide, 0.84)],
    }
    canvas.polygon(mirrored(outlines[look.style]), look.paint, "round")
    canvas.box((0.46 - wide, 0.83, 0.54 + wide, 0.91), look.second, radius=0.03)
    top = outlines[look.style][0][1]
    canvas.ellipse((0.5 - 0.17, top - 0.05, 0.5 + 0.17, top + 0.05), look.second)
    canvas.ellipse((0.46, top - 0.09, 0.54, top - 0.02), DARK, "ball")
    if look.style == "jug":
        canvas.box((0.46, 0.4, 0.54, 0.72), (170, 210, 230), radius=0.03)


_LIVING = "Dining, Living Room Furniture"
_ENAMEL: tuple[Pattern, ...] = ("plain", "plain", "two-tone")

KINDS = (
    Kind("table lamp", "Home & Garden", f"{_LIVING} / Lighting & Fittings", (5, 60), ("cone", "drum", "globe"),
         table_lamp, ("The bulb is included.", "The flex is 2 m long, with a UK plug.", "It gives a warm light."),
         ANY_PATTERN),
    Kind("armchair", "Home & Garden", f"{_LIVING} / Sofas, Armchairs & Suites", (25, 220),
         ("wing-back", "tub", "low-back"), armchair,
         ("The legs unscrew for moving.", "The cover can be washed at 30 degrees.", "Very comfortable."), ANY_PATTERN),
    Kind("washing machine", "Appliances", "Washing Machines", (60, 320), ("front-loading", "compact", "top-loading"),
         washing_machine, ("Takes 8 kg, spins at 1400.", "All hoses are there.", "It takes two people to carry."),
         _ENAMEL),
    Kind("kettle", "Appliances", "Small Appliances / Kettles", (6, 45), ("jug", "dome", "gooseneck"), kettle,
         ("Boils 1.7 litres.", "Descaled last week.", "The filter is new.")),
)  # fmt: skip
