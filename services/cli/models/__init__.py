"""The commands that train, evaluate and export models.

Only `services.cli` imports it.
"""
