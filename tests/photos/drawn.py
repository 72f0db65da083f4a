"""Drawn product photos on white, for tests."""

from __future__ import annotations

from PIL import Image, ImageDraw


def mug_on_white(colour: str) -> Image.Image:
    """Return a mug without any print: nine of ten tiles are white or of one colour."""
    picture = Image.new("RGB", (320, 320), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((200, 110, 270, 215), outline=colour, width=13)
    draw.rounded_rectangle((85, 75, 225, 250), 12, fill=colour)
    draw.ellipse((85, 65, 225, 90), fill="#303030")
    return picture


def chair_on_white(colour: str) -> Image.Image:
    """Return a chair of coloured lines: most pixels of each tile are white."""
    picture = Image.new("RGB", (640, 640), "white")
    draw = ImageDraw.Draw(picture)
    for left, right in (((200, 100), (200, 580)), ((440, 100), (440, 580)), ((150, 420), (150, 600)),
                        ((490, 420), (490, 600)), ((200, 360), (150, 420)), ((440, 360), (490, 420)),
                        ((150, 420), (490, 420)), ((200, 360), (440, 360)), ((200, 130), (440, 130)),
                        ((200, 180), (440, 180)), ((200, 230), (440, 230))):  # fmt: skip
        draw.line((*left, *right), fill=colour, width=8)
    return picture
