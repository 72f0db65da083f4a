"""All SQL: one module per table or subject, whose functions take a session from `db.session`.

Services may import it; within `db`, only `db.migrate` may.
"""
