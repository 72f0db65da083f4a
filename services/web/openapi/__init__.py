"""The OpenAPI document: schemas derived from the wire structs, common answers, and the page at `/docs`.

`services.web.app` and the REST rooms of both apps import it.
"""
