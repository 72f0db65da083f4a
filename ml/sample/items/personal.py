"""Kinds of items that people wear or carry: clothes, phones, perfume and hairbrushes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ml.sample.draw import darker, mirrored, mixed
from ml.sample.kinds import ANY_PATTERN, DARK, METAL, PALE, Kind

if TYPE_CHECKING:
    from ml.sample.draw import Canvas
    from ml.sample.kinds import Look


def trainer(canvas: Canvas, look: Look) -> None:
    collar = {"low-top": 0.4, "high-top": 0.16, "running": 0.42}[look.style]
    upper = [
        (0.08, 0.72), (0.07, 0.5), (0.1, collar), (0.38, collar - 0.02), (0.46, 0.44),
        (0.64, 0.54), (0.9, 0.6), (0.95, 0.72),
    ]  # fmt: skip
    canvas.polygon(upper, look.paint)
    canvas.polygon([(0.72, 0.56), (0.9, 0.6), (0.95, 0.72), (0.74, 0.72)], look.second)
    canvas.polygon([(0.08, 0.72), (0.07, 0.54), (0.2, 0.56), (0.24, 0.72)], look.second)
    canvas.ellipse((0.1, collar - 0.05, 0.38, collar + 0.05), darker(look.colour, 0.5), "flat")
    laces = 4 if look.style != "high-top" else 6
    for lace in range(laces):
        x, y = 0.42 + lace * 0.055, max(collar, 0.3) + 0.04 + lace * 0.035
        canvas.line([(x - 0.05, y + 0.05), (x + 0.05, y)], PALE, 0.02)
    sole = PALE if look.numbers[1] > 0.3 else look.second
    canvas.box((0.05, 0.7, 0.97, 0.84 if look.style == "running" else 0.79), sole, radius=0.04)
    if look.style == "running":
        canvas.line([(0.26, 0.68), (0.42, 0.5), (0.56, 0.68)], look.second, 0.03)


def dress(canvas: Canvas, look: Look) -> None:
    hem, length = {"summer": (0.36, 0.86), "evening": (0.3, 0.97), "shift": (0.22, 0.8)}[look.style]
    waist = look.between(0.12, 0.16)
    if look.style == "summer":
        for side in (-1, 1):
            canvas.line([(0.5 + side * 0.12, 0.2), (0.5 + side * 0.09, 0.04)], look.colour, 0.03)
    else:
        for side in (-1, 1):
            sleeve = [(0.1, 0.06), (0.2, 0.08), (0.3, 0.28), (0.22, 0.34), (0.12, 0.2)]
            canvas.polygon([(0.5 + side * x, y) for x, y in sleeve], look.paint)
    canvas.polygon(
        mirrored([(0.56, 0.14), (0.64, 0.08 if look.style != "summer" else 0.18), (0.64, 0.24), (0.5 + waist, 0.42)]),
        look.paint,
    )
    canvas.polygon(mirrored([(0.5 + waist, 0.42), (0.5 + hem, length)]), look.paint)
    canvas.line([(0.5 - waist, 0.42), (0.5 + waist, 0.42)], look.second, 0.045)
    canvas.line([(0.5 - hem, length), (0.5 + hem, length)], look.second, 0.025)


def mobile_phone(canvas: Canvas, look: Look) -> None:
    half, top_edge = {"large": (0.25, 0.03), "compact": (0.2, 0.14), "flip": (0.2, 0.08)}[look.style]
    canvas.box((0.5 - half, top_edge, 0.5 + half, 1 - top_edge), look.paint, radius=0.07)
    left = 0.5 - half + 0.04
    if look.style == "flip":
        canvas.line([(0.5 - half, 0.5), (0.5 + half, 0.5)], darker(look.colour, 0.5), 0.025)
        canvas.box((left, top_edge + 0.05, left + 0.32, 0.3), DARK, radius=0.03)
        canvas.line([(left + 0.05, 0.22), (left + 0.2, 0.22)], look.second, 0.03)
        return
    canvas.box((left, top_edge + 0.04, left + 0.18, top_edge + 0.26), look.second, radius=0.05)
    for x, y in ((0.055, 0.095), (0.125, 0.095), (0.09, 0.19))[: 2 + (look.numbers[1] > 0.5)]:
        canvas.ellipse(
            (left + x - 0.035, top_edge + y - 0.035, left + x + 0.035, top_edge + y + 0.035), (24, 24, 30), "ball"
        )
    canvas.box((0.5 + half, 0.3, 0.515 + half, 0.42), darker(look.colour))
    canvas.ellipse((0.44, 0.5, 0.56, 0.62), mixed(look.colour, look.second, 0.5), "flat")


def desk_phone(canvas: Canvas, look: Look) -> None:
    if look.style == "cordless":
        canvas.box((0.2, 0.72, 0.8, 0.94), look.second, radius=0.05)
        canvas.box((0.36, 0.04, 0.64, 0.84), look.paint, radius=0.07)
        canvas.box((0.41, 0.14, 0.59, 0.3), (150, 190, 170), "flat", radius=0.01)
        keys, left, low = 0.06, 0.42, 0.36
    else:
        canvas.polygon([(0.2, 0.36), (0.8, 0.36), (0.93, 0.9), (0.07, 0.9)], look.paint)
        canvas.line([(0.14, 0.3), (0.86, 0.3)], look.second, 0.1)
        for x in (0.14, 0.86):
            canvas.ellipse((x - 0.1, 0.22, x + 0.1, 0.44), look.second, "ball")
        keys, left, low = 0.1, 0.35, 0.48
    if look.style == "rotary":
        canvas.ellipse((0.3, 0.44, 0.7, 0.84), look.second)
        for hole in range(9):
            angle = 0.5 + hole * 0.58
            x, y = 0.5 + 0.14 * math.cos(angle), 0.64 + 0.14 * math.sin(angle)
            canvas.ellipse((x - 0.03, y - 0.03, x + 0.03, y + 0.03), PALE, "flat")
        return
    for row in range(4):
        for column in range(3):
            x, y = left + column * keys, low + row * keys
            canvas.box((x, y, x + keys * 0.75, y + keys * 0.7), PALE, radius=0.01)


def perfume(canvas: Canvas, look: Look) -> None:
    canvas.box((0.43, 0.24, 0.57, 0.38), METAL, "round")
    canvas.box((0.4, 0.06, 0.6, 0.28), look.second, "round", radius=0.02)
    if look.style == "round":
        canvas.ellipse((0.2, 0.34, 0.8, 0.94), look.paint, "ball")
        label = (0.36, 0.54, 0.64, 0.74)
    else:
        half = look.between(0.28, 0.33) if look.style == "square" else 0.18
        canvas.box((0.5 - half, 0.36, 0.5 + half, 0.94), look.paint, "round", radius=0.04)
        canvas.line([(0.53 - half, 0.44), (0.47 + half, 0.44)], mixed(look.colour, PALE, 0.6), 0.02)
        label = (0.38, 0.58, 0.62, 0.8)
    canvas.box(label, PALE, "flat", radius=0.01)
    canvas.line([(0.43, (label[1] + label[3]) / 2), (0.57, (label[1] + label[3]) / 2)], darker(look.second), 0.02)


def hairbrush(canvas: Canvas, look: Look) -> None:
    canvas.box((0.44, 0.5, 0.56, 0.97), look.second, "round", radius=0.05)
    if look.style == "round":
        for row in range(9):
            y = 0.08 + row * 0.05
            canvas.line([(0.26, y), (0.74, y)], DARK, 0.012)
        canvas.box((0.37, 0.05, 0.63, 0.54), look.paint, "round", radius=0.05)
        return
    wide = look.between(0.22, 0.28) if look.style == "paddle" else 0.16
    canvas.box((0.5 - wide, 0.04, 0.5 + wide, 0.58), look.paint, radius=min(wide, 0.16))
    canvas.box((0.55 - wide, 0.09, 0.45 + wide, 0.53), mixed(look.second, PALE, 0.4), "flat", radius=min(wide, 0.12))
    for row in range(7):
        for column in range(5):
            x, y = 0.5 + (column - 2) * (wide - 0.07) / 2.4, 0.14 + row * 0.056
            canvas.ellipse((x - 0.012, y - 0.012, x + 0.012, y + 0.012), DARK, "flat")


_CLOTHES, _PHONES = "Clothes, Footwear & Accessories", "Phones, Mobile Phones & Telecoms"

KINDS = (
    Kind("trainer", _CLOTHES, "Men's Shoes & Boots / Men's Trainers", (8, 70), ("low-top", "high-top", "running"),
         trainer, ("A pair, size 9.", "Worn three times.", "The laces are new."), ANY_PATTERN),
    Kind("dress", _CLOTHES, "Women's Clothing / Dresses", (5, 60), ("summer", "evening", "shift"), dress,
         ("Size 10.", "Fully lined.", "Worn to one wedding."), ANY_PATTERN),
    Kind("mobile phone", _PHONES, "Mobile Phones / Other", (40, 420), ("large", "compact", "flip"), mobile_phone,
         ("Unlocked, 128 GB.", "The battery is at 91 %.", "No cracks, always in a case."), ANY_PATTERN),
    Kind("telephone", _PHONES, "Home Phones & Answering Machines", (5, 40), ("push-button", "cordless", "rotary"),
         desk_phone, ("Tested on our line.", "Loud ring.", "With cable.")),
    Kind("perfume bottle", "Health & Beauty", "Fragrances", (6, 60), ("round", "square", "slender"), perfume,
         ("100 ml, nearly full.", "An unwanted gift.", "Smells of roses."), ANY_PATTERN),
    Kind("hairbrush", "Health & Beauty", "Hair Care & Styling", (2, 15), ("paddle", "round", "slim"), hairbrush,
         ("New, still boxed.", "Detangles well.", "The bristles are soft."), ANY_PATTERN),
)  # fmt: skip
