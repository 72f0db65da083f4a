"""The evaluation report: its figures (report.json) and its page (report.html).

Services may import this room; nothing in it reads the database or the photos.
"""
