"""From photo bytes to pixels: format checks, decoding, trimming, cropping and preprocessing.

Pure functions of bytes and pictures; all other rooms of `ml`, and `services`, may import them.
"""
