"""Trains networks: recipes, the split, losses, the optimisation loop, and resuming a run that was stopped.

`ml.sample` and services may import this room; among its modules only `recipes`, `split`, `batches`, `classes`,
`labels`, `result` and `run_folder` work without torch.
"""
