"""A sample catalogue to try everything on: 13 categories of drawn items, two photos each, and a few planted defects.

kinds ─▶ catalogue (looks, words) ─▶ draw (one canvas per item) ─▶ scene (two photos) ─▶ render (tables, files)
"""

from ml.sample.catalogue import CATEGORIES
from ml.sample.render import SampleSummary, render_sample

__all__ = ["CATEGORIES", "SampleSummary", "render_sample"]
