"""Writes tests/fixtures/networks.json.gz: what other libraries' networks give for weights and tiles by formula.

Beside the architectures of the shared folder: widths, TensorFlow's padding, torchvision's and transformers' tensor names,
networks of WSInfer's zoo that timm does not have, and the shapes of vision transformers for pathology, small.

Needs torch, timm, torchvision, transformers and blake3; made with torch 2.15.0, timm 1.0.31, torchvision 0.29.2, transformers 4.57.6.
Weights and tiles follow the rule that tests/integration/formula.rs states; sums are made in float64.
"""

import gzip
import json

import blake3
import timm
import torch
import torchvision
import transformers
from timm.layers import SwiGLUPacked
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from formula import fill, tiles


class PreActBlock(nn.Module):
    """He et al. 2016, figure 4e, with the shortcut behind the first activation."""

    def __init__(self, before, after, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False))

    def forward(self, x):
        first = torch.relu(self.bn1(x))
        beside = self.shortcut(first) if hasattr(self, "shortcut") else x
        return self.conv2(torch.relu(self.bn2(self.conv1(first)))) + beside


class PreActResNet34(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        before = 64
        for stage, (after, depth) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], 1):
            blocks = []
            for at in range(depth):
                blocks.append(PreActBlock(before, after, 2 if at == 0 and stage > 1 else 1))
                before = after
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.linear = nn.Linear(512, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.conv1(x), 3, 2, 1)
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return self.linear(x.mean((2, 3)))


class TileClassifier(nn.Module):
    """How TIAToolbox's classifiers are put together and named (its documentation of CNNModel)."""

    def __init__(self, parts, features):
        super().__init__()
        self.feat_extract = parts
        self.classifier = nn.Linear(features, 10)

    def forward(self, x):
        return self.classifier(self.feat_extract(x).mean((2, 3)))


def inception_without_norm():
    network = timm.create_model("inception_v4", num_classes=10)
    for module in network.modules():
        if hasattr(module, "bn"):
            conv = module.conv
            module.conv = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding)
            module.bn = nn.ReLU()  # timm's normalisation holds the activation
    return network


def vit(**other):
    usual = dict(img_size=56, patch_size=14, embed_dim=48, depth=2, num_heads=3, num_classes=10)
    return VisionTransformer(**(usual | other))


def swiglu(**other):
    return vit(mlp_layer=SwiGLUPacked, act_layer=nn.SiLU, init_values=1e-5, reg_tokens=4, **other)


class TokenAndMean(nn.Module):
    """How Virchow2's card says its features are made: class token, then the mean of the image tokens. Its state dict is the
    network's."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def state_dict(self, *a, **k):
        return self.network.state_dict(*a, **k)

    def load_state_dict(self, *a, **k):
        return self.network.load_state_dict(*a, **k)

    def forward(self, x):
        tokens = self.network.forward_features(x)
        return torch.cat([tokens[:, 0], tokens[:, self.network.num_prefix_tokens:].mean(1)], -1)


class ClassToken(TokenAndMean):
    """The class token of a transformers model."""

    def forward(self, x):
        return self.network(pixel_values=x).last_hidden_state[:, 0]


class Logits(TokenAndMean):
    """A classifier of transformers."""

    def forward(self, x):
        return self.network(pixel_values=x).logits


HF = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=3, image_size=56, patch_size=14)
VIT = dict(input_px=56, token_px=14, dim=48, depth=2, heads=3, hidden=192, mlp="gelu", pool="token")
MLP = dict(mlp="swiglu", hidden=256, registers=4, layer_scale=True)

# name here, what is known to `NetworkSpec::named`, shape of a transformer, network, gain, side, outputs
CASES = [
    ("wide_resnet50_2", None, lambda: timm.create_model("wide_resnet50_2", num_classes=10), 1.2, 64),
    ("mobilenetv2_050", None, lambda: timm.create_model("mobilenetv2_050", num_classes=10), 1.4, 96),
    ("mobilenetv2_140", None, lambda: timm.create_model("mobilenetv2_140", num_classes=10), 1.4, 96),
    ("mobilenetv3_small_050", None, lambda: timm.create_model("mobilenetv3_small_050", num_classes=10), 1.7, 96),
    ("mobilenetv3_small_075", None, lambda: timm.create_model("mobilenetv3_small_075", num_classes=10), 1.7, 96),
    ("tf_mobilenetv3_small_100", None, lambda: timm.create_model("tf_mobilenetv3_small_100", num_classes=10), 1.7, 97),
    ("tf_efficientnet_b0", None, lambda: timm.create_model("tf_efficientnet_b0", num_classes=10), 1.8, 96),
    ("mobilenet_v3_small", None, lambda: torchvision.models.mobilenet_v3_small(num_classes=10), 1.7, 96),
    ("efficientnet_b0", None, lambda: torchvision.models.efficientnet_b0(num_classes=10), 1.9, 96),
    ("convnext_tiny", None, lambda: torchvision.models.convnext_tiny(num_classes=10), 1.0, 64),
    ("resnet50", None, lambda: TileClassifier(
        nn.Sequential(*list(torchvision.models.resnet50().children())[:-2]), 2048), 1.2, 64),
    ("mobilenet_v2", None, lambda: TileClassifier(torchvision.models.mobilenet_v2().features, 1280), 1.4, 96),
    ("preactresnet34", None, PreActResNet34, 1.1, 64),
    ("inception_v4nobn", None, inception_without_norm, 1.57, 107),
    ("vit", VIT | dict(layer_scale=True), lambda: vit(init_values=1e-5), 1.0, 56),
    ("vit", VIT | dict(pool="mean"), lambda: vit(global_pool="avg"), 1.0, 56),
    ("vit", VIT | MLP | dict(pool="token-and-mean"),
     lambda: TokenAndMean(swiglu(mlp_ratio=5.3375, num_classes=0, global_pool="")), 1.0, 56),
    ("vit", VIT | MLP | dict(positions="image"), lambda: swiglu(mlp_ratio=2.66667 * 2, no_embed_class=True), 1.0, 56),
    ("vit", VIT, lambda: torchvision.models.VisionTransformer(56, 14, 2, 3, 48, 192, num_classes=10), 1.0, 56),
    ("vit", VIT, lambda: ClassToken(transformers.ViTModel(
        transformers.ViTConfig(intermediate_size=192, layer_norm_eps=1e-6, **HF), add_pooling_layer=False)), 1.0, 56),
    ("vit", VIT, lambda: Logits(transformers.ViTForImageClassification(
        transformers.ViTConfig(intermediate_size=192, num_labels=10, layer_norm_eps=1e-6, **HF))), 1.0, 56),
    ("vit", VIT | dict(layer_scale=True, pool="token-and-mean"), lambda: Logits(
        transformers.Dinov2ForImageClassification(transformers.Dinov2Config(mlp_ratio=4, num_labels=10, **HF))), 1.0, 56),
    ("vit", VIT | dict(layer_scale=True), lambda: ClassToken(transformers.Dinov2Model(
        transformers.Dinov2Config(mlp_ratio=4, layer_norm_eps=1e-6, **HF))), 1.0, 56),
    ("vit", VIT | MLP | dict(positions="class"), lambda: ClassToken(transformers.Dinov2WithRegistersModel(
        transformers.Dinov2WithRegistersConfig(mlp_ratio=4, use_swiglu_ffn=True, layer_norm_eps=1e-6, **HF))), 1.0, 56),
]

# Published encoders by their shapes alone: names and sizes of all tensors.
SHAPES = [
    ("phikon", lambda: timm.create_model("vit_base_patch16_224", num_classes=0)),
    ("uni", lambda: timm.create_model("vit_large_patch16_224", init_values=1e-5, num_classes=0)),
    ("virchow2", lambda: timm.create_model("vit_huge_patch14_224", init_values=1e-5, num_classes=0, reg_tokens=4,
                                           mlp_ratio=5.3375, global_pool="", mlp_layer=SwiGLUPacked, act_layer=nn.SiLU)),
    ("h-optimus-0", lambda: timm.create_model("vit_giant_patch14_reg4_dinov2", img_size=224, num_classes=0)),
]


def case(name, shape, make, gain, side):
    torch.manual_seed(0)
    network = make().eval()
    tensors = fill(network, gain)
    with torch.no_grad():
        outputs = network.double()(tiles(side).double()).numpy()
    print(f"{name:26} {type(network).__name__:18} {outputs.shape} largest {abs(outputs).max():.3f}, "
          f"images differ by {abs(outputs[0] - outputs[1]).max():.3f}")
    return dict(name=name, vit=shape, gain=gain, side=side, tensors=tensors,
                outputs=[float(f"{number:.9g}") for number in outputs.flatten()])


def shape_of(name, make):
    with torch.device("meta"):
        state = make().state_dict()
    lines = sorted(f"{key} {list(tensor.shape)}" for key, tensor in state.items())
    numbers = sum(tensor.numel() for tensor in state.values())
    print(f"{name:12} {len(lines)} tensors, {numbers:,} numbers")
    return dict(name=name, tensors=len(lines), numbers=numbers, 
                blake3=blake3.blake3("\n".join(lines).encode()).hexdigest())


made = dict(cases=[case(*row) for row in CASES], shapes=[shape_of(*row) for row in SHAPES])
with gzip.GzipFile("tests/fixtures/networks.json.gz", "wb", mtime=0) as file:
    file.write(json.dumps(made).encode())
