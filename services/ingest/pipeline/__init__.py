"""Ingest itself: files and single listings become rows, photos and embeddings; reindexing builds new generations.

The rooms above (jobs, models, rest, app) and the command line import it; the contract "The steps of an ingest job" in
pyproject.toml orders its modules.
"""
