"""Queues and runs jobs: an ingest through `pipeline.ingest_job`, and reindexing, promotion, repair and tidying here.

Only services.ingest.rest, services.ingest.app and services.cli import it.
"""
