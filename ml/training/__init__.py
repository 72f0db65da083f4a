"""Trains networks: recipes, the split, losses, the optimisation loop, and resuming a run that was stopped.

`ml.sample` and services may import this room; of its modules, `recipes`, `result`, `run.run_folder`
and `dataset` (except `augment`) work without torch.
"""
