"""The two Qdrant engines, Edge inside this process and a server, with the schema and filters that they share.

`services/indexing/stores.py`, `services/resources.py` and the benchmarks may import it; it knows nothing of FAISS.
"""
