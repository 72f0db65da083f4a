"""Delimited text: CSV and its kin, in any dialect and with broken quoting.

`tables` opens a file, `dialects` finds out how it is written, `records` finds where each record ends, and `repair`
reads records that are not standard CSV.
"""
