"""Feeds: reads listings and photo tables through a column mapping, and writes the reports of an ingest.

It may import `tables`, `photos` and `cleaning`; loading, the pipeline, the REST routes and the command line import it.
"""
