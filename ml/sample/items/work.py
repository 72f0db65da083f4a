"""Kinds of items for work: office furniture, computers and tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.sample.draw import darker, mixed
from ml.sample.kinds import ANY_PATTERN, DARK, METAL, PALE, WOOD, Kind

if TYPE_CHECKING:
    from ml.sample.draw import Canvas
    from ml.sample.kinds import Look


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


_FURNITURE = "Office Furniture & Equipment"
_COMPUTERS = "Computers, Laptops & Netbooks"

KINDS = (
    Kind("office chair", _FURNITURE, "Office Furniture / Chairs", (10, 150), ("high-back", "mesh-back", "backless"),
         office_chair, ("The gas lift works.", "Rolls well on carpet.", "From a home office."), ANY_PATTERN),
    Kind("filing cabinet", _FURNITURE, "Office Furniture / Storage & Filing Cabinets", (15, 95),
         ("two-drawer", "three-drawer", "four-drawer"), filing_cabinet,
         ("Comes with two keys.", "Takes foolscap folders.", "All drawers run smoothly.")),
    Kind("laptop", "Computers & Software", f"{_COMPUTERS} / PC Laptops & Netbooks", (70, 650),
         ("slim", "gaming", "touchscreen"), laptop,
         ("Has 8 GB of memory and a 256 GB drive.", "The battery lasts five hours.", "Wiped, with the charger."),
         ANY_PATTERN),
    Kind("keyboard", "Computers & Software", f"{_COMPUTERS} / Keyboards, Mice & Input Devices", (5, 75),
         ("full-size", "compact", "split"), keyboard,
         ("UK layout.", "The keys were cleaned one by one.", "Works by cable or Bluetooth."), ("plain",)),
    Kind("hammer", "DIY Tools & Materials", "Hand Tools / Other Hand Tools", (3, 22), ("claw", "ball-pein", "rubber"),
         hammer, ("The head sits tight.", "Good grip.", "One of several from a workshop clearance.")),
    Kind("drill", "DIY Tools & Materials", "Power Tools / Drills", (15, 120), ("cordless", "hammer", "compact"), drill,
         ("Two batteries and a charger.", "In its case, with bits.", "Plenty of torque.")),
)  # fmt: skip
