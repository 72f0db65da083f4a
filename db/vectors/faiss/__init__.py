"""The FAISS engine: vectors and payloads in this process's memory, durable through snapshots.

`services/indexing/stores.py` and the benchmarks may import it; it knows nothing of the Qdrant engines.
"""
