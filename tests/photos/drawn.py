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
