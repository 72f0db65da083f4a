"""The write path: from files and requests to clean listings, embedded photos and finished jobs.

Only `services.cli` and `services.bench` import it; `services.search` never does.
"""
