"""The stores that keep the bytes of photos, each file once by its SHA-256: a folder or an object store.

`services/resources.py` builds a store; other code receives it as the protocol in `base.py`.
"""
