"""The page, in a real browser, against the real demo.

They need what `lookalike demo --no-serve` has built in data/demo, and Chromium: Debian's, or another one that
LOOKALIKE_TEST_CHROMIUM names.
"""
