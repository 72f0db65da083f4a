"""The REST calls of the ingest app: handlers, and their request bodies.

Only `services.ingest.app` imports this room.
"""
