"""Draws pictures that belong in no catalogue, to measure out-of-distribution detection with."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml.embedding.embedder import Embedder, Embeddings

COUNT = 60
"""Pictures of each kind."""

_SIDE = 256
_SEED = 0
_WORDS = ("account", "and", "balance", "delivery", "for", "from", "is", "of", "order", "settings", "the", "to", "your")
_LINE_HEIGHT, _MARGIN, _TITLE_HEIGHT = 16, 10, 24


def foreign_pictures(count: int = COUNT) -> dict[str, list[bytes]]:
    """Draw `count` PNG files of each kind: the same at every call, in random colours."""
    return {
        kind: [_png(draw(np.random.default_rng([_SEED, number]))) for number in range(count)]
        for kind, draw in _KINDS.items()
    }


def embed_foreign_pictures(embedder: Embedder) -> dict[str, Embeddings]:
    """Embed the pictures of each kind."""
    load = embedder.bundle.preprocessing.load
    return {
        kind: embedder.embed(np.stack([load(picture) for picture in pictures]))
        for kind, pictures in foreign_pictures().items()
    }


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = rng.integers(0, 256, 3).tolist()
    return red, green, blue


def _plain(rng: np.random.Generator) -> Image.Image:
    return Image.new("RGB", (_SIDE, _SIDE), _colour(rng))


def _square(rng: np.random.Generator) -> Image.Image:
    picture, side = _plain(rng), int(rng.integers(_SIDE // 6, _SIDE * 2 // 3))
    left, top = rng.integers(0, _SIDE - side, 2).tolist()
    ImageDraw.Draw(picture).rectangle((left, top, left + side, top + side), fill=_colour(rng))
    return picture


def _gradient(rng: np.random.Generator) -> Image.Image:
    y, x = np.mgrid[:_SIDE, :_SIDE] / _SIDE
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * x + np.sin(angle) * y
    along = (along - along.min()) / np.ptp(along)
    first, last = np.array(_colour(rng)), np.array(_colour(rng))
    return Image.fromarray((first + (last - first) * along[..., None]).astype(np.uint8))


def _noise(rng: np.random.Generator) -> Image.Image:
    cells = _SIDE // int(rng.choice([1, 4, 16]))
    pixels = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)


def _text(rng: np.random.Generator) -> Image.Image:
    """Draw a page of text with a coloured title bar, dark on light or light on dark."""
    paper, ink = ("white", "#222222") if rng.random() < 0.5 else ("#181a20", "#dddddd")
    picture = Image.new("RGB", (_SIDE * 3 // 2, _SIDE), paper)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(_LINE_HEIGHT * 3 // 4)
    pen.rectangle((0, 0, picture.width, _TITLE_HEIGHT), fill=_colour(rng))
    for top in range(_TITLE_HEIGHT + _MARGIN, _SIDE - _LINE_HEIGHT, _LINE_HEIGHT):
        pen.text((_MARGIN, top), " ".join(rng.choice(_WORDS, int(rng.integers(3, 9)))), fill=ink, font=font)
    return picture


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


_KINDS: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    "plain": _plain,
    "squares": _square,
    "gradients": _gradient,
    "noise": _noise,
    "text": _text,
}
