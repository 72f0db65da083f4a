"""Vector indexes behind one interface (`base.py`), with three engines: FAISS, Qdrant Edge and a Qdrant server.

Services import the interface and its values; only `services/indexing/stores.py` and the benchmarks build an index.
"""
