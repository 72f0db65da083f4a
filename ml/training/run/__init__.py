"""What the steps of one training share: its folder, checkpoints, processes and TensorBoard log.

Only `ml.training` imports it; everything but `run_folder` imports torch.
"""
