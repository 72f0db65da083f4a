"""Embedders: from photos to vectors and category probabilities, singly, in bulk or in batches of concurrent calls.

`ml.evaluation`, `ml.export`, `ml.training` and `services` may import it; only the torch modules need torch.
"""
