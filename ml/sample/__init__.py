"""A sample catalogue to try everything on: 13 categories of drawn items, two photos each, and a few planted defects.

kinds ─▶ catalogue (looks, words) ─▶ draw (one canvas per item) ─▶ scene (two photos) ─▶ render (tables, files)
                                └─▶ pretrain (other listings) ─▶ model/ (the bundle that the package carries)
"""

from pathlib import Path

from ml.sample.catalogue import CATEGORIES
from ml.sample.render import SampleCatalogue, SampleSummary, render_listing, render_sample, write_sample_tables

MODEL = Path(__file__).parent / "model"
"""The bundle of a ResNet-50 that was trained on drawn items, as an int8 graph. `CARD` there says how it was made."""

CARD = "README.md"

__all__ = [
    "CARD",
    "CATEGORIES",
    "MODEL",
    "SampleCatalogue",
    "SampleSummary",
    "render_listing",
    "render_sample",
    "write_sample_tables",
]
