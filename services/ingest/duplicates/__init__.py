"""Finding copies of photos in the background, and reviewing the pairs.

Only services.ingest.rest and services.ingest.app import it.
"""
