"""What is undone when a test process ends. Parallel workers end without `atexit`."""

from contextlib import ExitStack

AT_END = ExitStack()
"""`conftest.py` closes it after the last test."""
