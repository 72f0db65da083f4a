"""Turns candidates into results: scores, ranking, pages, and the explanation of an empty page.

`service` and `rest` import this room; it builds on `query` and `retrieval`.
"""
