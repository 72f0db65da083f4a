"""Finds candidates: plans a search, runs it on an index engine, and reads the listings it found from the database.

`results`, `service` and `rest` import this room; it imports neither `query` nor any of them.
"""
