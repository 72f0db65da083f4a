"""From photo bytes to pixels: format checks, decoding, trimming, cropping and preprocessing.

Pure functions of bytes and pictures; every other room of `ml`, `db` and `services` may import them.
"""
