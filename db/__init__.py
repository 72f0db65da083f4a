"""The database (SQLite or PostgreSQL), which is the only source of truth, the photo stores and the vector indexes.

Services may import it; it imports neither `services` nor `ml`.
"""
