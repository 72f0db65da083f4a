"""Photo sources: where the bytes of a listing's photos come from: a folder, a zip, a tar, or URLs.

The other rooms of ingest may import it, except `cleaning`; it imports none of them.
"""
