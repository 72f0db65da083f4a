"""Crops: the part of a photo to search by, in shares of its sides."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

MIN_CROP_SIDE = 0.02
"""Minimum width and height of a crop, as a share of the photo's: a smaller crop rarely has more than a few pixels."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A box in an upright photo, in shares of its width and height; (0, 0) is the top left corner."""

    x: float = 0.0
    y: float = 0.0
    width: float = 1.0
    height: float = 1.0

    def __post_init__(self) -> None:
        """Raise ValueError unless the box lies within the photo and each side is at least `MIN_CROP_SIDE`."""
        sides = ((self.x, self.width), (self.y, self.height))
        if not all(start >= 0 and size >= MIN_CROP_SIDE and start + size <= 1 + 1e-6 for start, size in sides):
            raise ValueError(
                f"{self} does not lie within the photo, or one side is below {MIN_CROP_SIDE}: "
                "give x,y,width,height as shares of the photo's sides, such as 0.25,0,0.5,1"
            )

    def __str__(self) -> str:
        return ",".join(f"{value:g}" for value in (self.x, self.y, self.width, self.height))

    @classmethod
    def parse(cls, text: str) -> Crop:
        """Parse `x,y,width,height`.

        Raises:
            ValueError: the text is not four numbers, or the box does not lie within the photo.
        """
        try:
            x, y, width, height = (float(part) for part in text.split(","))
        except ValueError as error:
            raise ValueError(f"{text!r} is not four numbers: give x,y,width,height, such as 0.25,0,0.5,1") from error
        return cls(x, y, width, height)

    @property
    def enlargement(self) -> float:
        """Factor by which the photo must exceed a size, in pixels, so that the crop reaches that size; at least 1."""
        return 1 / min(self.width, self.height, 1.0)

    def cut_from(self, picture: Image.Image) -> Image.Image:
        """Return this part of a picture, including every pixel that the box touches."""
        width, height = picture.size
        right, bottom = min(1.0, self.x + self.width), min(1.0, self.y + self.height)
        return picture.crop((floor(self.x * width), floor(self.y * height), ceil(right * width), ceil(bottom * height)))


WHOLE_PHOTO = Crop()
