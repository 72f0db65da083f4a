"""Kinds of items for work: office furniture, computers and tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.sample.draw import darker, mixed
from ml.sample.kinds import ANY_PATTERN, DARK, METAL, PALE, WOOD, Kind

if TYPE_CHECKING:
    from ml.sample.draw import Box, Canvas, Point
    from ml.sample.kinds import Look


def desk(canvas: Canvas, look: Look) -> None:
    top = look.between(0.26, 0.36)
    if look.style == "pedestal":
        for left in (0.1, 0.66):
            canvas.box((left, top + 0.06, left + 0.24, 0.88), look.second)
            for drawer in range(3):
                low = top + 0.1 + drawer * (0.78 - top) / 3
                canvas.box((left + 0.02, low, left + 0.22, low + 0.13), mixed(look.second, PALE, 0.2))
                canvas.ellipse((left + 0.09, low + 0.05, left + 0.15, low + 0.08), METAL)
    elif look.style == "trestle":
        for foot in (0.2, 0.8):
            canvas.line([(foot, top + 0.05), (foot - 0.1, 0.92)], look.second, 0.03)
            canvas.line([(foot, top + 0.05), (foot + 0.1, 0.92)], look.second, 0.03)
            canvas.line([(foot - 0.06, 0.7), (foot + 0.06, 0.7)], look.second, 0.02)
    else:
        for foot in (0.24, 0.76):
            canvas.box((foot - 0.03, top, foot + 0.03, 0.9), look.second, "round")
            canvas.box((foot - 0.13, 0.88, foot + 0.13, 0.93), look.second, radius=0.02)
    canvas.polygon([(0.12, top - 0.1), (0.88, top - 0.1), (0.97, top), (0.03, top)], look.paint)
    canvas.box((0.03, top, 0.97, top + 0.06), darker(look.colour, 0.85))


def office_chair(canvas: Canvas, look: Look) -> None:
    for x, y in ((0.22, 0.9), (0.38, 0.95), (0.62, 0.95), (0.78, 0.9)):
        canvas.line([(0.5, 0.82), (x, y)], DARK, 0.035)
        canvas.ellipse((x - 0.03, y - 0.01, x + 0.03, y + 0.05), DARK, "ball")
    canvas.box((0.47, 0.6, 0.53, 0.84), METAL, "round")
    if look.style != "backless":
        wide, top = look.between(0.18, 0.24), 0.06 if look.style == "high-back" else 0.16
        canvas.box((0.5 - wide, top, 0.5 + wide, 0.52), look.paint, radius=0.08)
        if look.style == "mesh-back":
            for step in range(1, 6):
                y = top + 0.02 + step * 0.055
                canvas.line([(0.52 - wide, y), (0.48 + wide, y)], darker(look.colour, 0.7), 0.008)
        for side in (-1, 1):
            canvas.line([(0.5 + side * 0.22, 0.6), (0.5 + side * 0.3, 0.58), (0.5 + side * 0.3, 0.42)], DARK, 0.03)
            canvas.line([(0.5 + side * 0.3, 0.42), (0.5 + side * 0.2, 0.42)], look.second, 0.04)
    canvas.box((0.24, 0.52, 0.76, 0.65), look.paint, radius=0.06)


def filing_cabinet(canvas: Canvas, look: Look) -> None:
    drawers = {"two-drawer": 2, "three-drawer": 3, "four-drawer": 4}[look.style]
    top = 0.92 - drawers * 0.215
    canvas.polygon([(0.26, top), (0.74, top), (0.8, top - 0.05), (0.34, top - 0.05)], mixed(look.colour, PALE, 0.3))
    canvas.polygon([(0.74, top), (0.8, top - 0.05), (0.8, 0.88), (0.74, 0.93)], darker(look.colour, 0.7), "flat")
    canvas.box((0.26, top, 0.74, 0.93), look.colour)
    for drawer in range(drawers):
        low = top + 0.015 + drawer * 0.215
        canvas.box((0.28, low, 0.72, low + 0.19), look.paint)
        canvas.box((0.42, low + 0.1, 0.58, low + 0.135), look.second, radius=0.01)
        canvas.box((0.44, low + 0.03, 0.56, low + 0.075), PALE, "flat")


def laptop(canvas: Canvas, look: Look) -> None:
    canvas.box((0.14, 0.1, 0.86, 0.62), look.colour, radius=0.03)
    canvas.box((0.17, 0.13, 0.83, 0.58), look.paint, "flat")
    canvas.ellipse((0.49, 0.105, 0.51, 0.125), DARK)
    canvas.box((0.2, 0.17, 0.44, 0.34), PALE, "flat", radius=0.01)
    canvas.box((0.2, 0.17, 0.44, 0.2), look.second, "flat")
    canvas.polygon([(0.14, 0.63), (0.86, 0.63), (0.97, 0.88), (0.03, 0.88)], look.colour)
    keys = look.second if look.style == "gaming" else DARK
    for row in range(4):
        y, half = 0.655 + row * 0.033, 0.33 + row * 0.015
        for key in range(12):
            x = 0.5 - half + (key + 0.1) * half / 6
            canvas.line([(x + 0.008, y + 0.01), (x + half / 6 - 0.02, y + 0.01)], keys, 0.02)
    canvas.polygon([(0.4, 0.8), (0.6, 0.8), (0.62, 0.865), (0.38, 0.865)], mixed(look.colour, DARK, 0.25))
    if look.style == "touchscreen":
        canvas.line([(0.78, 0.2), (0.94, 0.5)], look.second, 0.025)


def monitor(canvas: Canvas, look: Look) -> None:
    left, bottom = {"widescreen": (0.04, 0.62), "square": (0.16, 0.7), "curved": (0.04, 0.64)}[look.style]
    right = 1 - left
    canvas.box((0.46, bottom, 0.54, 0.88), look.second, "round")
    canvas.ellipse((0.28, 0.83, 0.72, 0.93), look.second)
    bend = 0.05 if look.style == "curved" else 0.0
    canvas.polygon(_screen((left, 0.08, right, bottom), bend), look.colour)
    canvas.polygon(_screen((left + 0.03, 0.11, right - 0.03, bottom - 0.05), bend), look.paint, "flat")
    hill = look.between(0.3, 0.5)
    canvas.polygon([(left + 0.05, bottom - 0.06), (0.3, hill), (0.52, bottom - 0.06)], look.second)
    canvas.ellipse((0.66, 0.18, 0.78, 0.3), (250, 220, 110), "flat")


def _screen(box: Box, bend: float) -> list[Point]:
    """Return a rectangle whose upper and lower sides sag by `bend`."""
    left, upper, right, lower = box
    across = [step / 8 for step in range(9)]
    sag = [(left + (right - left) * t, bend * 4 * t * (1 - t)) for t in across]
    return [*((x, upper + y) for x, y in sag), *((x, lower + y) for x, y in reversed(sag))]


def keyboard(canvas: Canvas, look: Look) -> None:
    parts = [(0.03, 0.97, 14)] if look.style != "split" else [(0.02, 0.46, 7), (0.54, 0.98, 7)]
    if look.style == "compact":
        parts = [(0.14, 0.86, 10)]
    for left, right, columns in parts:
        canvas.box((left, 0.3, right, 0.72), look.colour, radius=0.03)
        step = (right - left - 0.04) / columns
        for row in range(5):
            for column in range(columns):
                x, y = left + 0.02 + column * step, 0.325 + row * 0.074
                if row == 4 and columns // 4 < column < columns - columns // 4:
                    continue
                painted = look.second if (row + column) % 5 else mixed(look.second, look.colour, 0.6)
                canvas.box((x + 0.004, y, x + step - 0.004, y + 0.062), painted, "flat", radius=0.008)
        x, wide = left + 0.02 + (columns // 4 + 1) * step, (columns - 2 * (columns // 4) - 1) * step
        canvas.box((x, 0.621, x + wide - 0.004, 0.683), look.second, "flat", radius=0.008)


def hammer(canvas: Canvas, look: Look) -> None:
    canvas.line([(0.5, 0.2), (0.5, 0.6)], WOOD if look.numbers[0] > 0.5 else METAL, 0.06)
    canvas.box((0.45, 0.5, 0.55, 0.96), look.paint, "round", radius=0.04)
    head = look.second if look.style == "rubber" else METAL
    if look.style == "rubber":
        canvas.box((0.24, 0.08, 0.76, 0.32), head, "soft", radius=0.04)
    elif look.style == "claw":
        canvas.polygon([(0.42, 0.12), (0.72, 0.12), (0.72, 0.26), (0.42, 0.28)], head)
        canvas.box((0.7, 0.09, 0.78, 0.29), head)
        canvas.polygon([(0.44, 0.12), (0.3, 0.12), (0.14, 0.3), (0.3, 0.24), (0.44, 0.28)], head)
    else:
        canvas.box((0.4, 0.11, 0.7, 0.27), head)
        canvas.ellipse((0.22, 0.08, 0.44, 0.3), head, "ball")
        canvas.box((0.68, 0.08, 0.78, 0.3), head)


def drill(canvas: Canvas, look: Look) -> None:
    length = look.between(0.6, 0.7)
    canvas.line([(0.02, 0.28), (0.22, 0.28)], METAL, 0.025)
    canvas.polygon([(0.14, 0.24), (0.3, 0.18), (0.3, 0.38), (0.14, 0.32)], DARK)
    canvas.polygon([(0.52, 0.36), (0.72, 0.36), (0.8, 0.74), (0.6, 0.74)], look.colour)
    canvas.polygon([(0.6, 0.44), (0.73, 0.44), (0.78, 0.68), (0.65, 0.68)], DARK, "flat")
    canvas.box((0.28, 0.14, 0.2 + length, 0.42), look.paint, radius=0.06)
    canvas.box((0.28, 0.14, 0.38, 0.42), look.second)
    canvas.polygon([(0.46, 0.42), (0.54, 0.42), (0.54, 0.52), (0.5, 0.52)], DARK)
    low = {"cordless": 0.9, "hammer": 0.84, "compact": 0.86}[look.style]
    canvas.box((0.5, 0.73, 0.9, low), look.second if look.style != "compact" else DARK, radius=0.03)
    if look.style == "hammer":
        canvas.box((0.31, 0.42, 0.39, 0.72), DARK, "round", radius=0.03)


def paint_tin(canvas: Canvas, look: Look) -> None:
    half, top = {"one-litre": (0.24, 0.32), "five-litre": (0.36, 0.24), "tall": (0.22, 0.18)}[look.style]
    canvas.arc((0.5 - half - 0.02, top - 0.16, 0.5 + half + 0.02, top + 0.26), (180, 360), METAL, 0.014)
    canvas.box((0.5 - half, top, 0.5 + half, 0.9), METAL, "round")
    canvas.ellipse((0.5 - half, 0.84, 0.5 + half, 0.95), METAL, "round")
    canvas.box((0.5 - half, top + 0.1, 0.5 + half, 0.82), look.paint, "round")
    canvas.ellipse((0.42, 0.46, 0.58, 0.64), PALE, "flat")
    canvas.box((0.45, 0.53, 0.55, 0.57), look.colour, "flat")
    canvas.ellipse((0.5 - half, top - 0.06, 0.5 + half, top + 0.06), METAL)
    canvas.ellipse((0.54 - half, top - 0.045, 0.46 + half, top + 0.04), look.second, "flat")
    for drip, length in ((0.2, 0.22), (0.4, 0.12), (0.75, look.between(0.1, 0.3))):
        x = 0.5 - half + 2 * half * drip
        canvas.line([(x, top + 0.05), (x, top + 0.05 + length)], look.second, 0.035)


_FURNITURE = "Office Furniture & Equipment"
_COMPUTERS = "Computers, Laptops & Netbooks"

KINDS = (
    Kind("desk", _FURNITURE, "Office Furniture / Desks & Tables", (20, 240), ("pedestal", "trestle", "standing"), desk,
         ("It is 140 cm wide and 70 cm deep.", "Comes apart for transport.", "The top has a few light marks.")),
    Kind("office chair", _FURNITURE, "Office Furniture / Chairs", (10, 150), ("high-back", "mesh-back", "backless"),
         office_chair, ("The gas lift works.", "Rolls well on carpet.", "From a home office."), ANY_PATTERN),
    Kind("filing cabinet", _FURNITURE, "Office Furniture / Storage & Filing Cabinets", (15, 95),
         ("two-drawer", "three-drawer", "four-drawer"), filing_cabinet,
         ("Comes with two keys.", "Takes foolscap folders.", "All drawers run smoothly.")),
    Kind("laptop", "Computers & Software", f"{_COMPUTERS} / PC Laptops & Netbooks", (70, 650),
         ("slim", "gaming", "touchscreen"), laptop,
         ("Has 8 GB of memory and a 256 GB drive.", "The battery lasts five hours.", "Wiped, with the charger."),
         ANY_PATTERN),
    Kind("monitor", "Computers & Software", f"{_COMPUTERS} / Monitors & Projectors / Monitors", (20, 210),
         ("widescreen", "square", "curved"), monitor,
         ("No dead pixels.", "HDMI and power leads are included.", "The stand tilts.")),
    Kind("keyboard", "Computers & Software", f"{_COMPUTERS} / Keyboards, Mice & Input Devices", (5, 75),
         ("full-size", "compact", "split"), keyboard,
         ("UK layout.", "The keys were cleaned one by one.", "Works by cable or Bluetooth."), ("plain",)),
    Kind("hammer", "DIY Tools & Materials", "Hand Tools / Other Hand Tools", (3, 22), ("claw", "ball-pein", "rubber"),
         hammer, ("The head sits tight.", "Good grip.", "One of several from a workshop clearance.")),
    Kind("drill", "DIY Tools & Materials", "Power Tools / Drills", (15, 120), ("cordless", "hammer", "compact"), drill,
         ("Two batteries and a charger.", "In its case, with bits.", "Plenty of torque.")),
    Kind("paint tin", "DIY Tools & Materials", "Painting & Decorating", (2, 28), ("one-litre", "five-litre", "tall"),
         paint_tin, ("Unopened.", "About half is left.", "For walls and ceilings, washable."), ANY_PATTERN),
)  # fmt: skip
