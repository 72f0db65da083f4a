"""Downloads photos from URLs: public addresses only, within limits of size and time.

`services.resources` and the layers above it may import this package.
"""
