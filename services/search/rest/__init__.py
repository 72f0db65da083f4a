"""The REST calls of the search app: handlers, their request bodies, and conversion of results into wire structs.

Only `services.search.app` and the command line import this room.
"""
