"""The `lookalike` command line: one module per command or group of commands, and `main` that puts them together.

It may import every other package of `services`; nothing imports it.
"""
