"""Cleaning: pure functions that turn a raw listing into a clean one, or into a reject with its reason.

Every other room of ingest may import it; it imports none of them.
"""
