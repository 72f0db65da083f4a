"""The services: ingest, search, and what both need.

`db` and `ml` import nothing from here; the contracts in pyproject.toml give the order of the rooms.
"""
