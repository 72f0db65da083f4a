"""Writes trained networks as model bundles, quantises them to int8 and measures each precision's quality.

`ml.sample` and `services.ingest.models` may import it; serving does not, since parts of it need torch or NNCF.
"""
