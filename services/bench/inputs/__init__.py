"""What benchmarks run on: random catalogues, vectors and photos, edited copies, scratch indexes, a fake embedder.

Only `services.bench` and the tests import it.
"""
