"""ICC colour profiles, made in code (ICC.1:2001, sections 6.1 to 6.5)."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image, ImageCms

PRIMARIES = {
    "Adobe RGB": (((0.6400, 0.3300), (0.2100, 0.7100), (0.1500, 0.0600)), (0.3127, 0.3290), 2.2),
    "Display P3": (((0.6800, 0.3200), (0.2650, 0.6900), (0.1500, 0.0600)), (0.3127, 0.3290), 2.2),
    "ProPhoto": (((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), (0.3457, 0.3585), 1.8),
    "sRGB, as another program writes it": (((0.6400, 0.3300), (0.3000, 0.6000), (0.1500, 0.0600)), (0.3127, 0.3290), 0),
}
"""Chromaticities of red, green, blue and white, and gamma (0: the curve of sRGB)."""

_D50 = np.array((0.9642, 1.0, 0.8249))
_BRADFORD = np.array(((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)))


def rgb_profile(name: str) -> bytes:
    """Return the profile of `PRIMARIES` with this name."""
    chromaticities, white, gamma = PRIMARIES[name]
    unscaled = np.array([_xyz(xy) for xy in chromaticities]).T
    matrix = unscaled * np.linalg.solve(unscaled, _xyz(white))
    cones = (_BRADFORD @ _D50) / (_BRADFORD @ _xyz(white))
    columns = (np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ matrix).T
    tags = {f"{colour}XYZ".encode(): _xyz_tag(column) for colour, column in zip("rgb", columns, strict=True)}
    return _profile(b"RGB ", tags | {f"{colour}TRC".encode(): _curve(gamma) for colour in "rgb"})


def grey_profile(gamma: float) -> bytes:
    return _profile(b"GRAY", {b"kTRC": _curve(gamma)})


def cmyk_profile(cyan_lab: tuple[int, int, int]) -> bytes:
    """Return a profile in which full cyan has this colour (L, a, b), no ink is white, and the rest is black."""
    grid = np.zeros((2, 2, 2, 2, 3), np.uint8) + np.array((0, 128, 128), np.uint8)
    grid[0, 0, 0, 0] = 255, 128, 128
    lightness, a, b = cyan_lab
    grid[1, 0, 0, 0] = round(lightness * 2.55), a + 128, b + 128
    straight = bytes(range(256))
    identity = struct.pack(">9i", *(65_536 if n % 4 == 0 else 0 for n in range(9)))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + straight * 4 + grid.tobytes() + straight * 3
    return _profile(b"CMYK", {b"A2B0": table}, connection=b"Lab ", device=b"prtr")


def shown_with(image: Image.Image, profile: bytes) -> Image.Image:
    """The pixels that show the same colours with this profile."""
    source, target = ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(image, source, target)
    assert converted is not None
    return converted


def _profile(space: bytes, tags: dict[bytes, bytes], *, connection: bytes = b"XYZ ", device: bytes = b"mntr") -> bytes:
    text = b"sRGB built-in\0"  # as the description of a profile, it may be wrong
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text" + bytes(4) + b"None\0",
        b"wtpt": _xyz_tag(_D50),
        **tags,
    }
    table, body = b"", b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = 132 + len(table) + len(body)
    head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02400000, device, space, connection) + bytes(12) + b"acsp"
    return head + bytes(28) + _xyz_tag(_D50)[8:] + bytes(48) + struct.pack(">I", len(tags)) + table + body


def _xyz(xy: tuple[float, float]) -> np.ndarray:
    x, y = xy
    return np.array((x / y, 1.0, (1 - x - y) / y))


def _xyz_tag(xyz: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(value) * 65_536) for value in xyz))


def _curve(gamma: float) -> bytes:
    if gamma:
        return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    steps = np.linspace(0, 1, 1024)
    linear = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4)
    return b"curv" + bytes(4) + struct.pack(">I1024H", 1024, *np.round(linear * 65_535).astype(int))
