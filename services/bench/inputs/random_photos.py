"""Random photos for benchmarks that need many different ones."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def random_photo(seed: int, size: tuple[int, int]) -> bytes:
    """Return a JPEG of blurred coloured squares, `size` (width, height) pixels large; each seed gives another one."""
    squares = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(squares).resize(size, Image.Resampling.BICUBIC).save(content, "JPEG", quality=90)
    return content.getvalue()
