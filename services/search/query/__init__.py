"""What to search for: checks a request, builds its query vectors, and encodes query tokens and cursors.

`results`, `service` and `rest` import this room; it imports neither `retrieval` nor any of them.
"""
