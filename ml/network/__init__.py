"""The ResNet-50 network, its pretrained weights, and the runtimes (torch devices, OpenVINO) that compute it.

`ml.embedding` and the rooms above it may import it; serving uses only `openvino_runtime`, which needs no torch.
"""
