"""Downloads photos from URLs: public addresses only, within limits of size and time.

`services.web`, `services.resources` and the layers above them may import this package.
"""
