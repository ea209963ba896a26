from __future__ import annotations

import hashlib
import os
import socket
import sys
import time
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from benchmark.core.errors import UserError
from benchmark.core.features import recording
from benchmark.core.images import LabeledImages
from benchmark.models.module import Module
from benchmark.models.resnet50 import ResNet50
from benchmark.models.small_cnn import SmallCNN
from benchmark.models.training.classifier import assemble, train_classifier
from benchmark.models.training.pretrained import load_imagenet
from benchmark.models.training.weights import save_weights
from benchmark.models.vgg16 import VGG16
from benchmark.models.wide_resnet import WideResNet

CPU = torch.device("cpu")


def train(classifier, images, *, classes=2):
    return train_classifier(
        classifier, images, images, classes=classes, seed=0, device=CPU, report=lambda _share, _text: None
    )


@pytest.mark.parametrize(
    ("classifier", "shape"),
    [
        (SmallCNN(), (1, 28, 28)),
        (SmallCNN(), (1, 16, 16)),
        (SmallCNN(), (3, 30, 22)),
        (WideResNet(depth=10, width=1), (1, 28, 28)),
        (WideResNet(depth=10, width=1), (3, 9, 12)),
        (ResNet50(), (1, 32, 40)),
    ],
)
@pytest.mark.parametrize("classes", [2, 8])
def test_images_of_any_shape_become_logits_with_readable_features_and_gradients(classifier, shape, classes):
    model = assemble(classifier, shape=shape, classes=classes).eval()
    x = torch.rand(4, *shape, requires_grad=True)
    with recording(model) as features:
        logits = model(x)
    assert logits.shape == (4, classes)
    assert features.penultimate is not None
    assert len(features.layers) >= 4
    assert not any(getattr(m, "inplace", False) for m in model.modules())
    (gradient,) = torch.autograd.grad(logits[:, 0].sum(), x)
    assert (gradient.flatten(1).abs().sum(1) > 0).all()


def test_small_cnn_has_about_75_thousand_parameters():
    model = assemble(SmallCNN(), shape=(1, 28, 28), classes=2)
    assert 70_000 < sum(p.numel() for p in model.parameters()) < 80_000


@pytest.mark.parametrize(("depth", "width", "millions"), [(16, 4, 2.75), (28, 10, 36.48), (40, 4, 8.95)])
def test_wide_resnet_has_the_number_of_parameters_in_the_paper(depth, width, millions):
    # Table 3 and section 3 of Zagoruyko & Komodakis, for 3 channels and 10 classes.
    with torch.device("meta"):
        network = WideResNet(depth=depth, width=width).build(channels=3, classes=10, size=(32, 32))
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)


def test_vgg16_is_configuration_d():
    with torch.device("meta"):
        network = VGG16().build(channels=3, classes=1000, size=(224, 224))
    assert sum(p.numel() for p in network.parameters()) == 138_357_544


@pytest.mark.parametrize("settings", [{"depth": 15}, {"depth": 4}, {"width": 0}])
def test_impossible_wide_resnets_are_refused(settings):
    with pytest.raises(UserError, match="wide residual"):
        assemble(WideResNet(**settings), shape=(1, 28, 28), classes=2)


def test_imagenet_weights_without_a_network_give_a_clear_error_soon(monkeypatch, tmp_path, stripes):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        with pytest.raises(UserError, match="the download failed") as caught:
            train(ResNet50(), stripes(2, 2, seed=0, size=32))
    assert str(tmp_path) in caught.value.remedy
    assert "pretrained = false" in caught.value.remedy


def test_damaged_imagenet_weights_in_the_cache_give_a_clear_error(monkeypatch, tmp_path, stripes):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / "resnet50-11ad3fa6.pth").write_bytes(b"not weights")
    with pytest.raises(UserError, match="is not the published file"):
        train(ResNet50(), stripes(2, 2, seed=0, size=32))


def test_imagenet_weights_in_the_cache_fill_all_but_the_head(monkeypatch, tmp_path):
    from torchvision.models import squeezenet1_1

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    published, network = squeezenet1_1(weights=None), squeezenet1_1(weights=None, num_classes=2)
    head = network.classifier[1].weight.detach().clone()
    torch.save(published.state_dict(), tmp_path / "weights")
    digest = hashlib.sha256((tmp_path / "weights").read_bytes()).hexdigest()
    weights = SimpleNamespace(url=f"https://weights.invalid/squeezenet-{digest[:8]}.pth", meta={})
    (tmp_path / "weights").rename(tmp_path / "hub" / "checkpoints" / f"squeezenet-{digest[:8]}.pth")
    load_imagenet(network, weights, head="classifier.1", where="")
    assert torch.equal(network.classifier[1].weight, head)
    assert torch.equal(network.features[0].weight, published.features[0].weight)
    with pytest.raises(UserError, match="do not fit"):
        load_imagenet(nn.Sequential(nn.Linear(2, 2)), weights, head="classifier.1", where="")


@pytest.mark.parametrize("odd", [os.mkfifo, os.mkdir])
def test_no_file_in_place_of_the_weights_is_waited_for(odd, monkeypatch, tmp_path):
    from torchvision.models import ResNet50_Weights

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    odd(tmp_path / "hub" / "checkpoints" / "resnet50-11ad3fa6.pth")
    with pytest.raises(UserError, match=r"resnet50-11ad3fa6\.pth is a .*, not a file"):
        load_imagenet(nn.Linear(1, 1), ResNet50_Weights.IMAGENET1K_V2, head="fc", where="")


def test_a_silent_proxy_is_given_up(monkeypatch, tmp_path):
    from torchvision.models import ResNet50_Weights

    monkeypatch.setattr("benchmark.datasets.reading.download.PATIENCE_SECONDS", 0.5)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("no_proxy", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{listening.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(UserError, match="no answer within"):
            load_imagenet(nn.Linear(1, 1), ResNet50_Weights.IMAGENET1K_V2, head="fc", where="")
        assert time.monotonic() - start < 3


SOURCE = """
from torch import nn

def good(channels, size):
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size[0] * size[1], 8), nn.ReLU(), nn.Linear(8, 1))

def plain():
    return good(1, (16, 16))

def softmax(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(256, classes), nn.Softmax(1))

def failing(**kwargs):
    raise ValueError("no such option")

def nothing():
    return None

constant = 3
"""


@pytest.fixture
def user_module(tmp_path, monkeypatch):
    (tmp_path / "their_networks.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "their_networks"
    sys.modules.pop("their_networks", None)


def test_a_users_network_is_trained(user_module, stripes):
    model = train(Module(factory=f"{user_module}:good", epochs=8), stripes(80, 80, seed=0, contrast=100))
    test = stripes(50, 50, seed=1, contrast=100)
    assert (model(test.floats()).argmax(1) == test.labels).double().mean() > 0.8


def test_a_users_weights_are_used_as_they_are(user_module, stripes, tmp_path):
    network = assemble(Module(factory=f"{user_module}:plain"), shape=(1, 16, 16), classes=2, seed=3).network
    save_weights(network.state_dict(), tmp_path / "theirs.safetensors")
    images = stripes(20, 20, seed=0)
    model = train(Module(factory=f"{user_module}:plain", weights=str(tmp_path / "theirs.safetensors")), images)
    assert torch.equal(model.network(images.floats()), network(images.floats()))
    assert torch.equal(model.raw_logits(images.floats())[:, 1:], network(images.floats()))


def test_what_is_in_the_weights_file_is_part_of_the_identity(user_module, tmp_path):
    path = tmp_path / "theirs.safetensors"
    identities = []
    for seed in (0, 1, 1):
        network = assemble(Module(factory=f"{user_module}:plain"), shape=(1, 16, 16), classes=2, seed=seed).network
        save_weights(network.state_dict(), path)
        identities.append(Module(factory=f"{user_module}:plain", weights=str(path)).identity())
    assert identities[0] != identities[1]
    assert identities[1] == identities[2]


@pytest.mark.parametrize(
    ("factory", "word"),
    [
        ("their_networks", "form package.module:function"),
        ("no_such_package_at_all:make", "does not import"),
        ("their_networks:god", "did you mean 'good'"),
        ("their_networks:constant", "no function 'constant'"),
        ("their_networks:failing", "no such option"),
        ("their_networks:nothing", "returned NoneType"),
        ("their_networks:softmax", "gives probabilities"),
    ],
)
def test_what_is_wrong_with_a_users_network_is_said(user_module, stripes, factory, word):
    with pytest.raises(UserError) as caught:
        train(Module(factory=factory, epochs=1), stripes(10, 10, seed=0))
    assert word in str(caught.value)


def test_weights_of_another_network_are_refused(user_module, stripes, tmp_path):
    save_weights(nn.Linear(3, 2).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(UserError, match="do not fit"):
        train(Module(factory=f"{user_module}:plain", weights=str(tmp_path / "w.safetensors")), stripes(4, 4, seed=0))


@pytest.mark.parametrize(
    "settings", [{"mean": [0.5]}, {"mean": [0.5, 0.5], "std": [1.0, 1.0]}, {"mean": [0.5], "std": [0.0]}]
)
def test_normalisation_that_does_not_fit_is_refused(user_module, stripes, settings):
    with pytest.raises(UserError, match="mean"):
        train(Module(factory=f"{user_module}:plain", **settings), stripes(4, 4, seed=0))


def test_normalisation_is_that_of_the_training_pixels():
    pixels = torch.randint(0, 256, (1500, 2, 5, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images = LabeledImages(pixels, torch.zeros(1500, dtype=torch.int64), tuple(map(str, range(1500))))
    mean, std = SmallCNN().normalization(images)
    values = pixels.double() / 255
    assert torch.allclose(mean.double(), values.mean((0, 2, 3)), atol=1e-7)
    assert torch.allclose(std.double(), values.std((0, 2, 3), correction=0), atol=1e-7)


def test_blank_images_are_normalised_without_dividing_by_zero():
    images = LabeledImages(
        torch.full((3, 1, 4, 4), 7, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64), ("a", "b", "c")
    )
    assert SmallCNN().normalization(images)[1].tolist() == [1.0]
