"""What the commands do with models: train, evaluate, export, and measure stored embeddings.

Only services.ingest.rest, services.cli and services.bench import it; importing `training` does not import torch.
"""
