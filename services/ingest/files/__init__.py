"""Listings files: reads listings and photo tables from CSV, TSV, JSON Lines and Parquet, and writes rejects.csv.

It may import `cleaning` and `photos`; the pipeline, the jobs, the REST routes and the command line import it.
"""
