"""The part of a photo that is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

SMALLEST = 0.02
"""Least width and height of a crop, as a share of the photo's: less is seldom more than a few pixels."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A box within an upright photo, in shares of its width and height: 0 is left and top, 1 right and bottom."""

    x: float = 0.0
    y: float = 0.0
    width: float = 1.0
    height: float = 1.0

    def __post_init__(self) -> None:
        """Raise ValueError unless the box lies within the photo and is not tiny."""
        sides = ((self.x, self.width), (self.y, self.height))
        if not all(start >= 0 and size >= SMALLEST and start + size <= 1 + 1e-6 for start, size in sides):
            raise ValueError(
                f"{self} does not lie within the photo, or is smaller than {SMALLEST} of it: "
                "give x, y, width and height as shares of the photo's sides, such as 0.25,0,0.5,1"
            )

    def __str__(self) -> str:
        return ",".join(f"{value:g}" for value in (self.x, self.y, self.width, self.height))

    @classmethod
    def parse(cls, text: str) -> Crop:
        """Return the crop that `x,y,width,height` describes.

        Raises:
            ValueError: it is not four numbers, or no such box.
        """
        try:
            x, y, width, height = (float(part) for part in text.split(","))
        except ValueError as error:
            raise ValueError(f"{text!r} is not four numbers, such as 0.25,0,0.5,1") from error
        return cls(x, y, width, height)

    @property
    def shrinks_by(self) -> float:
        """How many times smaller, at least 1, the crop's narrower part is than the photo's side."""
        return 1 / min(self.width, self.height, 1.0)

    def of(self, picture: Image.Image) -> Image.Image:
        """Return the part of a picture, every pixel that the box touches included."""
        width, height = picture.size
        right, bottom = min(1.0, self.x + self.width), min(1.0, self.y + self.height)
        return picture.crop((floor(self.x * width), floor(self.y * height), ceil(right * width), ceil(bottom * height)))


WHOLE_PHOTO = Crop()
