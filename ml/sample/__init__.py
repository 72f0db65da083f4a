"""Draws the sample catalogue and trains the demo's model: 13 categories, two photos per listing, deliberate defects.

Services may import this package; `pretrain` is a script, and the only module here that imports torch.

    kinds ─▶ catalogue (looks, words) ─▶ draw (one canvas per item) ─▶ scene (two photos) ─▶ render (tables, files)
                                    └─▶ pretrain (other listings) ─▶ model/ (the demo's bundle)
"""

from pathlib import Path

from ml.sample.catalogue import CATEGORIES
from ml.sample.render import SampleCatalogue, render_listing, write_sample_tables

MODEL = Path(__file__).parent / "model"
"""The bundle of a ResNet-50 trained on drawn items, as an int8 graph; `CARD` in it explains how it was made."""

CARD = "README.md"

__all__ = [
    "CARD",
    "CATEGORIES",
    "MODEL",
    "SampleCatalogue",
    "render_listing",
    "write_sample_tables",
]
