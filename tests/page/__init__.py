"""Tests of the page in a real browser, against the real demo.

They need the demo in data/demo (`lookalike demo --no-serve`), and Chromium: Debian's, or the one at the path in
LOOKALIKE_TEST_CHROMIUM.
"""
