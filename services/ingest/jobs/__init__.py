"""The job queue of the ingest app, and the jobs that are not an ingest: reindex, promote, repair, tidy.

Only services.ingest.rest, services.ingest.app and services.cli import it.
"""
