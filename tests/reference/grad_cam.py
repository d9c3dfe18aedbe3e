"""Writes tests/fixtures/grad_cam.json.gz: Grad-CAM of timm's and torchvision's networks for weights and tiles by formula.

The maps are made by this script alone, with hooks: the gradient of a logit with respect to the maps that the network's
pooling gets, its mean over the place as weight of each channel, the weighed sum, ReLU (Selvaraju et al. 2017,
arXiv:1610.02391, equations 1 and 2); enlarged with torch's bilinear interpolation. For two networks the package grad-cam
must agree.

Needs torch, timm, torchvision, numpy and grad-cam (with its OpenCV); made with torch 2.15.0, timm 1.0.31, torchvision 0.29.2, grad-cam 1.5.7.
Weights and tiles follow the rule that tests/integration/formula.rs states; sums are made in float64.
"""

import gzip
import json

import cv2
import numpy as np
import timm
import torch
import torchvision
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from formula import kind, tiles, value

CLASSES = 10
# Side to which the first map is enlarged: no multiple of any map's.
LARGE = 50


def timm_network(name):
    return timm.create_model(name, num_classes=CLASSES)


# name, network, the module that gets the last maps, gain, side
CASES = [
    ("resnet18", timm_network("resnet18"), lambda n: n.global_pool, 1.2, 96),
    ("mobilenetv2_100", timm_network("mobilenetv2_100"), lambda n: n.global_pool, 1.4, 96),
    ("mobilenetv3_small_100", timm_network("mobilenetv3_small_100"), lambda n: n.global_pool, 1.7, 96),
    ("efficientnet_b0", timm_network("efficientnet_b0"), lambda n: n.global_pool, 1.74, 96),
    ("densenet121", timm_network("densenet121"), lambda n: n.global_pool, 1.6, 96),
    ("squeezenet1_0", torchvision.models.squeezenet1_0(num_classes=CLASSES), lambda n: n.classifier[0], 1.4, 96),
    ("inception_v4", timm_network("inception_v4"), lambda n: n.global_pool, 1.57, 107),
    ("convnext_tiny", timm_network("convnext_tiny"), lambda n: n.head.global_pool, 1.0, 96),
]


def grad_cam(network, pool, images, wanted):
    kept = {}
    hook = pool(network).register_forward_pre_hook(lambda module, args: kept.update(maps=args[0]))
    logits = network(images)
    hook.remove()
    (gradient,) = torch.autograd.grad(logits[:, wanted].sum(), kept["maps"])
    weights = gradient.mean((2, 3), keepdim=True)
    return logits.detach(), torch.relu((weights * kept["maps"]).sum(1)).detach()


def case(name, network, pool, gain, side):
    state = network.state_dict()
    state = {k: v if "num_batches" in k else torch.tensor(value(k, tuple(v.shape), gain)) for k, v in state.items()}
    network.load_state_dict(state)
    network = network.eval().double()
    images = tiles(side).double()
    # The class with the most to show in both tiles, so that the comparison is not one of zeros.
    logits = network(images).detach()
    wanted = max(range(CLASSES), key=lambda k: grad_cam(network, pool, images, k)[1].amax((1, 2)).min().item())
    logits, maps = grad_cam(network, pool, images, wanted)
    large = torch.nn.functional.interpolate(maps[:1, None], (LARGE, LARGE), mode="bilinear", align_corners=False)
    print(f"{name:24} class {wanted}, maps {list(maps.shape)}, largest {maps.amax((1, 2)).tolist()}")
    if name == "resnet18" or name == "mobilenetv2_100":
        layer = network.layer4[-1] if name == "resnet18" else network.bn2
        with GradCAM(network, [layer]) as cam:
            cam(images, [ClassifierOutputTarget(wanted)] * 2)
            theirs = cam.compute_cam_per_layer(images, [ClassifierOutputTarget(wanted)] * 2, False)
        smallest, largest = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
        ours = ((maps - smallest) / (largest - smallest)).numpy()
        assert np.abs(theirs[0][:, 0] - np.stack([enlarged(m, side) for m in ours])).max() < 2e-6, name
    digits = lambda tensor: [float(f"{number:.9g}") for number in tensor.flatten().tolist()]
    tensors = [[key, list(tensor.shape), "zero" if "num_batches" in key else kind(key, tensor.shape)]
               for key, tensor in state.items()]
    return dict(name=name, gain=gain, side=side, output=wanted, tensors=tensors, logits=digits(logits),
                grid=list(maps.shape[1:]), maps=digits(maps), large_px=LARGE, large=digits(large))


def enlarged(map_, side):
    return cv2.resize(map_.astype(np.float32), (side, side))


with gzip.GzipFile("tests/fixtures/grad_cam.json.gz", "wb", mtime=0) as file:
    file.write(json.dumps(dict(cases=[case(*row) for row in CASES])).encode())
