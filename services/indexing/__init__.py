"""Keeps the vector indexes in line with the database: following, generations, drift, recall audit and copies.

Ingest, search, benchmarks and the CLI may import it.
"""
