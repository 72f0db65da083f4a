"""Model bundles: their files, manifest, calibration and verification, and the folder that stores them.

Runs no network. `ml.network`, `ml.copies` and the rooms above them may import it, as may `services`.
"""
