"""Takes photos of an item: pose, background, shadow, light, sensor noise and blur."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[np.float32]

BACKGROUNDS = ("room", "table", "grass", "carpet", "tiles", "plain", "wall")

_SIZES = ((320, 256), (256, 320), (300, 300), (320, 288), (288, 320), (288, 288))
"""Widths and heights, in pixels."""

_MAX_TURN, _MAX_TURN_IN_A_ROOM = 20.0, 6.0
"""Degrees. Items that stand on a floor are nearly upright."""

_CORNER_SHIFT = 0.07
"""Largest shift of an item's corners, as a share of its size: the perspective of another viewpoint."""


def take_photo(item: Image.Image, background: str, rng: np.random.Generator) -> Image.Image:
    """Return an RGB photo, 256 to 320 pixels a side, of an item (RGBA, square) on one of `BACKGROUNDS`."""
    width, height = _SIZES[rng.integers(len(_SIZES))]
    scene = _background(background, (width, height), rng)
    turn = _MAX_TURN_IN_A_ROOM if background == "room" else _MAX_TURN
    posed = _pose(item, (width, height), np.deg2rad(rng.uniform(-turn, turn)), rng=rng)
    mask = posed.getchannel("A")
    scene = scene * (1 - 0.5 * _shadow(mask, rng)[..., None])
    picture = Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8))
    picture.paste(posed, mask=mask)
    lit = _light(np.asarray(picture, dtype=np.float32), rng)
    photo = Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))
    return photo.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9))) if rng.random() < 0.4 else photo


def _pose(item: Image.Image, size: tuple[int, int], angle: float, *, rng: np.random.Generator) -> Image.Image:
    """Return the item rotated by `angle`, scaled, shifted and in perspective, on a transparent canvas of `size`."""
    side = round(min(size) * rng.uniform(0.64, 0.86))
    item = _trimmed(item).resize((side, side), Image.Resampling.BOX)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    seen = (corners + rng.uniform(-_CORNER_SHIFT, _CORNER_SHIFT, (4, 2)) / 2) @ turn.T * side
    middle = np.array(size) / 2 + rng.uniform(-0.05, 0.05, 2) * size
    coefficients = _homography(seen + middle, (corners + 0.5) * side)
    return item.transform(size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR)


def _trimmed(item: Image.Image) -> Image.Image:
    """Crop the item to the smallest square around it."""
    left, top, right, bottom = item.getbbox() or (0, 0, *item.size)
    half = max(right - left, bottom - top) // 2 + 2
    x, y = (left + right) // 2, (top + bottom) // 2
    return item.crop((x - half, y - half, x + half, y + half))


def _homography(source: NDArray[np.float64], target: NDArray[np.float64]) -> list[float]:
    """Return Pillow's eight perspective coefficients, which map four points to four others."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return [float(value) for value in np.linalg.solve(np.array(rows), np.array(values))]


def _shadow(mask: Image.Image, rng: np.random.Generator) -> Pixels:
    """Return the item's shadow on the background, in [0, 1], shape (height, width)."""
    shifted = Image.new("L", mask.size)
    shifted.paste(mask, (int(rng.integers(-10, 11)), int(rng.integers(4, 14))))
    blurred = shifted.filter(ImageFilter.BoxBlur(rng.uniform(4, 9)))
    return np.asarray(blurred, dtype=np.float32) * np.float32(rng.uniform(0.5, 1.0) / 255)


def _light(scene: Pixels, rng: np.random.Generator) -> Pixels:
    """Apply uneven light of random brightness and warmth, and sensor noise."""
    height, width = scene.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    (slope_x, slope_y), vignette = rng.uniform(-0.1, 0.1, 2), rng.uniform(0, 0.14)
    falloff = (1 + float(slope_x) * x - float(vignette) * x**2) + (float(slope_y) * y - float(vignette) * y**2)
    warmth = rng.uniform(-0.05, 0.05)
    tint = np.array([1 + warmth, 1, 1 - warmth], np.float32) * np.float32(rng.uniform(0.84, 1.12))
    noise = rng.standard_normal((height, width, 1), dtype=np.float32) * np.float32(rng.uniform(1, 6))
    return np.asarray(scene * (falloff * tint) + noise, dtype=np.float32)


def _background(name: str, size: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Return a background, shape (height, width, 3), sometimes with clutter."""
    scene = _SURFACES[name](*size, rng)
    if name in ("room", "table", "carpet", "wall") and rng.random() < 0.6:
        scene = _clutter(scene, rng)
    return scene


def _clutter(scene: Pixels, rng: np.random.Generator) -> Pixels:
    """Add a few dull, blurred shapes at the sides of the scene."""
    picture = Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8))
    pen, (width, height) = ImageDraw.Draw(picture), picture.size
    for _ in range(rng.integers(1, 4)):
        size = rng.uniform(0.12, 0.3, 2) * min(width, height)
        x, y = rng.choice([-0.06, 0.82]) * width, rng.uniform(0.05, 0.75) * height
        colour = tuple(int(value) for value in _dull(rng, 60, 190))
        shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
        shape((x, y, x + size[0], y + size[1]), fill=colour)
    return np.asarray(picture.filter(ImageFilter.BoxBlur(3)), dtype=np.float32)


def _dull(rng: np.random.Generator, low: float, high: float) -> Pixels:
    """Return a greyish colour, shape (3,)."""
    return np.clip(rng.uniform(low, high) + rng.normal(0, 11, 3), 0, 255).astype(np.float32)


def _toned(colour: tuple[int, int, int], brightness: float) -> Pixels:
    return np.array(colour, np.float32) * np.float32(brightness)


def _rough(width: int, height: int, cells: int, rng: np.random.Generator) -> Pixels:
    """Return smooth noise with about `cells` bumps side by side, in [-1, 1], shape (height, width, 1)."""
    coarse = Image.fromarray(rng.uniform(-1, 1, (cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BILINEAR))[..., None]


def _room(width: int, height: int, rng: np.random.Generator) -> Pixels:
    """Return a wall, a skirting board and a floor of planks."""
    edge = int(height * rng.uniform(0.58, 0.8))
    scene = _wall(width, height, rng)
    board = rng.uniform(6, 16)
    planks = (np.arange(width) - width / 2)[None, :] / (1 + np.arange(height - edge)[:, None] / height * 2)
    joints = np.abs(planks / board % 1 - 0.5) > 0.46
    boards = _toned((150, 112, 74), rng.uniform(0.6, 1.25))
    floor = boards * (1 + 0.06 * _rough(width, height - edge, 24, rng))
    scene[edge:] = np.where(joints[..., None], floor * 0.75, floor)
    scene[edge - 9 : edge] = np.clip(scene[edge - 9 : edge] * 1.1 + 18, 0, 250)
    scene[edge - 1 : edge + 1] *= 0.6
    return scene


def _wall(width: int, height: int, rng: np.random.Generator) -> Pixels:
    """Return a wall with soft shadows."""
    shades = 1 + 0.05 * _rough(width, height, 4, rng) + 0.012 * _rough(width, height, 90, rng)
    return np.asarray(_dull(rng, 120, 225) * shades)


def _table(width: int, height: int, rng: np.random.Generator) -> Pixels:
    """Return a wooden table from above."""
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    grain = np.sin(np.float32(2 * np.pi) * (float(rng.uniform(6, 14)) * y + 1.6 * _rough(width, height, 5, rng)))
    wood = _toned((168, 122, 78), rng.uniform(0.55, 1.3))
    return wood * (1 + 0.07 * grain + 0.03 * _rough(width, height, 60, rng))


def _grass(width: int, height: int, rng: np.random.Generator) -> Pixels:
    """Return a lawn."""
    blades = 0.28 * _rough(width, height, 110, rng) + 0.1 * _rough(width, height, 8, rng)
    return np.asarray(_toned((92, 128, 62), rng.uniform(0.75, 1.15)) * (1 + blades))


def _carpet(width: int, height: int, rng: np.random.Generator) -> Pixels:
    """Return a speckled carpet."""
    pile = 0.14 * _rough(width, height, 130, rng) + 0.06 * _rough(width, height, 6, rng)
    return np.asarray(_dull(rng, 70, 190) * (1 + pile))


def _tiles(width: int, height: int, rng: np.random.Generator) -> Pixels:
    """Return floor tiles with pale joints."""
    size = rng.uniform(44, 90)
    across, down = np.arange(width)[None, :] / size % 1, np.arange(height)[:, None] / size % 1
    joints = (across < 0.05) | (down < 0.05)
    tiles = _dull(rng, 110, 205) * (1 + 0.05 * _rough(width, height, 12, rng))
    return np.where(joints[..., None], tiles * np.float32(0.8), tiles)


def _plain(width: int, height: int, rng: np.random.Generator) -> Pixels:
    """Return a pale paper backdrop that shades into another tone."""
    above, below = _dull(rng, 200, 245), _dull(rng, 150, 245)
    t = np.linspace(0, 1, height, dtype=np.float32)[:, None, None] ** float(rng.uniform(0.6, 2))
    return np.repeat(above + (below - above) * t, width, axis=1)


_SURFACES = {
    "room": _room,
    "table": _table,
    "grass": _grass,
    "carpet": _carpet,
    "tiles": _tiles,
    "plain": _plain,
    "wall": _wall,
}
