"""Kinds of items for free time: media, sports, travel and games."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ml.sample.draw import darker, mirrored, mixed, smooth
from ml.sample.kinds import ANY_PATTERN, DARK, METAL, PALE, WOOD, Kind

if TYPE_CHECKING:
    from ml.sample.draw import Canvas
    from ml.sample.kinds import Look


def vinyl_record(canvas: Canvas, look: Look) -> None:
    out = look.between(0.2, 0.3)
    disc = (0.2 + out, 0.12, 0.72 + out, 0.72) if look.style == "single" else (0.14 + out, 0.1, 0.72 + out, 0.9)
    canvas.ellipse(disc, look.second if look.style == "coloured" else (28, 28, 32), "ball")
    x, y = (disc[0] + disc[2]) / 2, (disc[1] + disc[3]) / 2
    for radius in (0.14, 0.2, 0.26):
        canvas.ring((x - radius, y - radius, x + radius, y + radius), (74, 74, 80), 0.006)
    canvas.ellipse((x - 0.09, y - 0.09, x + 0.09, y + 0.09), look.second if look.style != "coloured" else PALE)
    bottom = 0.72 if look.style == "single" else 0.92
    canvas.box((0.06, 0.08, 0.66, bottom), look.paint)
    canvas.ellipse((0.2, 0.2, 0.52, 0.52), look.second, "flat")
    canvas.ellipse((0.28, 0.28, 0.44, 0.44), look.colour, "flat")
    canvas.line([(0.14, bottom - 0.08), (0.58, bottom - 0.08)], PALE, 0.03)


def guitar(canvas: Canvas, look: Look) -> None:
    canvas.box((0.465, 0.1, 0.535, 0.6), (70, 44, 30))
    for fret in range(7):
        canvas.line([(0.468, 0.17 + fret * 0.05), (0.532, 0.17 + fret * 0.05)], METAL, 0.005)
    canvas.polygon([(0.45, 0.02), (0.55, 0.02), (0.54, 0.12), (0.46, 0.12)], WOOD)
    for peg in range(3):
        for x in (0.43, 0.57):
            canvas.ellipse((x - 0.015, 0.025 + peg * 0.03, x + 0.015, 0.05 + peg * 0.03), METAL)
    if look.style == "electric":
        half = [(0.56, 0.56), (0.68, 0.46), (0.68, 0.58), (0.64, 0.7), (0.72, 0.86), (0.5, 0.97)]
    else:
        waist = look.between(0.6, 0.64)
        half = [(0.56, 0.46), (0.67, 0.52), (waist, 0.65), (0.75, 0.8), (0.66, 0.95), (0.5, 0.98)]
    if look.style == "ukulele":
        half = [(0.5 + (x - 0.5) * 0.72, max(y, 0.54)) for x, y in half]
    canvas.polygon(smooth(mirrored(half)), look.paint)
    canvas.box((0.47, 0.44, 0.53, 0.6), (70, 44, 30), "flat")
    if look.style == "electric":
        canvas.polygon([(0.55, 0.6), (0.66, 0.72), (0.62, 0.86), (0.55, 0.84)], look.second)
        for y in (0.64, 0.72, 0.8):
            canvas.box((0.44, y, 0.56, y + 0.03), DARK)
    else:
        canvas.ellipse((0.42, 0.58, 0.58, 0.74), look.second, "flat")
        canvas.ellipse((0.44, 0.6, 0.56, 0.72), (30, 22, 18), "flat")
        canvas.box((0.4, 0.84, 0.6, 0.87), (60, 40, 28))
    for string in range(2 if look.style == "ukulele" else 3):
        canvas.line([(0.485 + string * 0.015, 0.06), (0.485 + string * 0.015, 0.85)], PALE, 0.003)


def bicycle(canvas: Canvas, look: Look) -> None:
    radius = 0.17 if look.style == "folding" else look.between(0.2, 0.23)
    tyre = 0.035 if look.style == "mountain" else 0.02
    for x in (0.24, 0.76):
        box = (x - radius, 0.66 - radius, x + radius, 0.66 + radius)
        for spoke in range(8):
            angle = math.pi * spoke / 8
            dx, dy = radius * math.cos(angle), radius * math.sin(angle)
            canvas.line([(x - dx, 0.66 - dy), (x + dx, 0.66 + dy)], METAL, 0.004)
        canvas.ring(box, look.second if look.numbers[1] > 0.6 else DARK, tyre)
        canvas.ellipse((x - 0.025, 0.635, x + 0.025, 0.685), METAL)
    seat, crank, head, rear, front = (0.4, 0.36), (0.46, 0.66), (0.66, 0.34), (0.24, 0.66), (0.76, 0.66)
    if look.style == "folding":
        seat, head = (0.4, 0.3), (0.68, 0.32)
        tubes = [(rear, crank), (crank, (0.67, 0.5)), ((0.43, 0.5), seat), ((0.43, 0.5), crank)]
    else:
        tubes = [(rear, crank), (crank, seat), (seat, rear), (seat, head), (crank, head)]
    for tube in tubes:
        canvas.line(tube, look.colour, 0.034)
    canvas.line([head, front], look.second, 0.028)
    canvas.line([seat, (seat[0] - 0.015, seat[1] - 0.08)], METAL, 0.02)
    canvas.ellipse((seat[0] - 0.11, seat[1] - 0.12, seat[0] + 0.07, seat[1] - 0.06), DARK)
    bars = [(0.63, 0.22), (0.72, 0.24)] if look.style != "road" else [(0.66, 0.24), (0.78, 0.24), (0.77, 0.34)]
    canvas.line([head, (head[0] - 0.01, 0.24)], METAL, 0.02)
    canvas.line(bars, DARK, 0.03)
    canvas.ring((0.4, 0.6, 0.52, 0.72), METAL, 0.016)
    canvas.line([(0.46, 0.66), (0.5, 0.78)], DARK, 0.018)


def tent(canvas: Canvas, look: Look) -> None:
    peak = look.between(0.18, 0.28)
    if look.style == "ridge":
        canvas.polygon([(0.38, peak), (0.82, peak + 0.04), (0.97, 0.86), (0.62, 0.9)], look.paint)
        canvas.polygon([(0.38, peak), (0.62, 0.9), (0.06, 0.9)], look.colour)
        canvas.polygon([(0.38, peak + 0.14), (0.5, 0.9), (0.26, 0.9)], look.second)
    elif look.style == "tunnel":
        outline = [(0.06, 0.88), (0.1, 0.5), (0.26, peak + 0.06), (0.7, peak + 0.02), (0.92, 0.5), (0.96, 0.88)]
        canvas.polygon(outline, look.paint)
        for x in (0.34, 0.62):
            canvas.line([(x, peak + 0.05), (x + 0.04, 0.88)], darker(look.colour), 0.016)
        canvas.polygon([(0.12, 0.88), (0.14, 0.56), (0.24, 0.42), (0.3, 0.88)], look.second)
    else:
        canvas.polygon(smooth([(0.04, 0.9), (0.2, 0.42), (0.5, peak), (0.8, 0.42), (0.96, 0.9)]), look.paint)
        canvas.polygon([(0.5, peak + 0.14), (0.68, 0.9), (0.32, 0.9)], look.second)
        canvas.line([(0.5, peak + 0.14), (0.5, 0.9)], darker(look.second), 0.012)
    for x in (0.02, 0.98):
        canvas.line([(0.5 + (x - 0.5) * 0.8, 0.6), (x, 0.93)], METAL, 0.008)


def game_controller(canvas: Canvas, look: Look) -> None:
    half = [(0.5, 0.3), (0.68, 0.26), (0.84, 0.34), (0.93, 0.62), (0.9, 0.8), (0.8, 0.82), (0.68, 0.66), (0.5, 0.64)]
    canvas.polygon(smooth(mirrored(half[1:-1])), look.paint)
    if look.style == "wired":
        canvas.line([(0.5, 0.28), (0.46, 0.14), (0.56, 0.02)], DARK, 0.02)
        for side in (-1, 1):
            grip = [(0.36, 0.62), (0.42, 0.6), (0.41, 0.78), (0.32, 0.8)]
            canvas.polygon(smooth([(0.5 + side * x, y) for x, y in grip]), look.second)
    stick = 0.5 if look.style == "symmetrical" else 0.4
    for x, y in ((0.3 if stick == 0.4 else 0.38, stick + 0.02 if stick == 0.4 else 0.58), (0.62, 0.58)):
        canvas.ellipse((x - 0.07, y - 0.07, x + 0.07, y + 0.07), DARK, "ball")
    x, y = (0.39, 0.57) if stick == 0.4 else (0.26, 0.44)
    canvas.line([(x - 0.05, y), (x + 0.05, y)], look.second, 0.035)
    canvas.line([(x, y - 0.05), (x, y + 0.05)], look.second, 0.035)
    for dx, dy, colour in ((0, -0.06, (80, 190, 90)), (0.06, 0, (220, 60, 60)), (0, 0.06, (70, 110, 220)),
                           (-0.06, 0, (240, 200, 60))):  # fmt: skip
        canvas.ellipse((0.71 + dx, 0.39 + dy, 0.76 + dx, 0.44 + dy), colour)
    canvas.ellipse((0.46, 0.35, 0.54, 0.43), look.second)


def handheld_console(canvas: Canvas, look: Look) -> None:
    if look.style == "clamshell":
        canvas.box((0.16, 0.06, 0.84, 0.48), look.colour, radius=0.04)
        canvas.box((0.24, 0.1, 0.76, 0.44), look.paint, "flat")
        canvas.box((0.16, 0.5, 0.84, 0.94), look.colour, radius=0.04)
        canvas.box((0.34, 0.56, 0.66, 0.84), mixed(look.second, PALE), "flat")
        pads = ((0.25, 0.64), (0.75, 0.64))
    elif look.style == "pocket":
        canvas.box((0.24, 0.04, 0.76, 0.96), look.colour, radius=0.06)
        canvas.box((0.29, 0.09, 0.71, 0.48), DARK, radius=0.02)
        canvas.box((0.34, 0.14, 0.66, 0.43), look.paint, "flat")
        pads = ((0.38, 0.66), (0.64, 0.64))
    else:
        canvas.box((0.02, 0.26, 0.24, 0.76), look.colour, radius=0.1)
        canvas.box((0.76, 0.26, 0.98, 0.76), look.second, radius=0.1)
        canvas.box((0.18, 0.26, 0.82, 0.76), DARK, radius=0.02)
        canvas.box((0.22, 0.31, 0.78, 0.71), look.paint, "flat")
        pads = ((0.1, 0.4), (0.9, 0.4))
    for x, y in pads:
        canvas.ellipse((x - 0.06, y - 0.06, x + 0.06, y + 0.06), DARK, "ball")
    for dx in (-0.03, 0.03):
        canvas.ellipse((pads[1][0] + dx - 0.02, pads[1][1] + 0.12, pads[1][0] + dx + 0.02, pads[1][1] + 0.16), PALE)


_GAMES, _SPORTS, _MEDIA = "Video Games & Consoles", "Sports, Leisure & Travel", "Music, Films, Books & Games"

KINDS = (
    Kind("vinyl record", _MEDIA, "Music / Vinyl", (3, 40), ("LP", "single", "coloured"), vinyl_record,
         ("Plays without jumps.", "The sleeve has a little ring wear.", "From a large collection."), ANY_PATTERN),
    Kind("guitar", _MEDIA, "Musical Instruments & DJ Equipment / Guitars & Accessories", (30, 320),
         ("acoustic", "electric", "ukulele"), guitar,
         ("New strings.", "Comes with a soft case.", "The action is low.")),
    Kind("bicycle", _SPORTS, "Bicycles", (35, 420), ("mountain", "road", "folding"), bicycle,
         ("Serviced in spring.", "The brakes and gears were set last month.", "Lights and lock are included."),
         ("plain",)),
    Kind("tent", _SPORTS, "Camping & Hiking / Tents", (20, 190), ("dome", "ridge", "tunnel"), tent,
         ("Sleeps three.", "All pegs and poles are there.", "Dry and aired."), ANY_PATTERN),
    Kind("controller", _GAMES, "Video Game Accessories / Video Game Controllers", (8, 50),
         ("wireless", "wired", "symmetrical"), game_controller,
         ("No stick drift.", "Charges by USB.", "Every button works."), ANY_PATTERN),
    Kind("handheld console", _GAMES, "Consoles / Other Consoles", (30, 240), ("hybrid", "clamshell", "pocket"),
         handheld_console, ("With charger.", "The screen has no scratches.", "Two games are included."), ANY_PATTERN),
)  # fmt: skip
