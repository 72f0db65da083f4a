"""Benchmarks that measure speed and accuracy against named baselines; each module measures and renders one of them.

Only `services.cli` and the tests import it.
"""
