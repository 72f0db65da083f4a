"""Loading: brings the records of feeds and their photos into the database, and counts what became of each.

It may import `feeds`, `photos` and `cleaning`; the pipeline, the jobs, the REST routes and the command line import it.
"""
