"""Measures a model on held-out listings: category metrics, retrieval metrics, baselines and the report.

`ml.training`, `ml.sample` and services may import this room.
"""
