"""The models: photo preprocessing, the network, embedders, bundles, training and evaluation.

`services` may import it; `db` and `ml` do not import each other, and `ml` imports nothing of `services`.
"""
