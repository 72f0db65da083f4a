"""What a network learns from: the split, classes and labels of listings, augmentation and batches.

Pure functions of values; `ml.training` and `services.ingest.models` import them. Only `augment` needs torch.
"""
