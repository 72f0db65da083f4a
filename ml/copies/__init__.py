"""Finds copies among photos: equal pictures by perceptual hash, and edited pictures by local features and pixels.

Runs no network. `ml.training` and `services` may import it.
"""
