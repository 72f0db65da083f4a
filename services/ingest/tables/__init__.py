"""Tables: reads the rows of CSV, TSV, JSON, Excel and Parquet files as text by column name, one at a time.

It may import `cleaning`; `feeds` and the upload of files import it.
"""
