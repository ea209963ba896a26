"""Purification by a folder that diffusers saved: its contract, what it refuses, and what its key rests on."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmark import testing
from benchmark.core.errors import UserError
from benchmark.core.images import LabeledImages
from benchmark.core.keys import key_of
from benchmark.core.noise import Noise
from defenses.base import FitData
from defenses.pretrained_diffusion import PretrainedDiffusion
from tests.defenses.pretrained.drawn import REASON, draw, drawn_once

diffusers = pytest.importorskip("diffusers", reason=REASON)

NETWORK, SCHEDULE = "unet/config.json", "scheduler/scheduler_config.json"
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of one's own to spoil."""
    return Path(shutil.copytree(drawn_once(), tmp_path / "pipeline"))


def data(*shape: int) -> FitData:
    images = LabeledImages(torch.full((4, *shape), 100, dtype=torch.uint8), torch.arange(4) % 2, tuple("abcd"))
    return FitData(images, images, classes=2, seed=0, device=torch.device("cpu"), report=lambda *_: None)


def fitted(folder: Path, *shape: int, **settings: Any) -> PretrainedDiffusion:
    settings = {"time": 60, "steps": 3, "votes": 2, "pipeline": str(folder), **settings}
    defense = PretrainedDiffusion.from_settings(settings, where="test")
    defense.fit(nn.Flatten(), data(*(shape or (1, 12, 12))))
    return defense


def purified(defense: PretrainedDiffusion) -> Tensor:
    x = Noise.of(0, range(8)).uniform((1, 12, 12))
    return defense.defend(nn.Flatten()).purify(x, Noise.of(1, range(8)))


def rewrite(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_it_keeps_its_contract() -> None:
    testing.check_defense(PretrainedDiffusion(pipeline=str(drawn_once()), time=40, steps=4, votes=2))


def test_without_a_fit_it_does_not_defend() -> None:
    with pytest.raises(UserError, match="call fit first"):
        PretrainedDiffusion(pipeline=str(drawn_once())).defend(nn.Flatten())


def test_a_network_that_knows_the_noise_gives_the_image_back(tmp_path: Path) -> None:
    # One that always finds the image's own brightness: purified is that image, to the last step's noise, which is 0.
    folder = draw(tmp_path / "flat", schedule={"prediction_type": "sample"})
    weights = {name: torch.zeros_like(tensor) for name, tensor in load_file(folder / WEIGHTS).items()}
    weights["conv_out.bias"] += 0.5
    save_file(weights, folder / WEIGHTS)
    torch.testing.assert_close(purified(fitted(folder)), torch.full((8, 1, 12, 12), 0.75))


def test_its_key_is_of_what_the_files_hold_and_not_of_where_they_lie(folder: Path) -> None:
    def key(place: Path, **settings: Any) -> str:
        return key_of("fit", PretrainedDiffusion(pipeline=str(place), **settings).identity())

    first = key(folder)
    assert first == key(drawn_once()) == key(Path("pipeline"), folder=str(folder.parent))
    keys = {first, key(folder, time=40)}
    rewrite(folder / SCHEDULE, beta_end=0.03)
    keys.add(key(folder))
    rewrite(folder / NETWORK, norm_eps=1e-6)
    keys.add(key(folder))
    weights = load_file(folder / WEIGHTS)
    save_file({**weights, "conv_out.bias": weights["conv_out.bias"] + 1e-3}, folder / WEIGHTS)
    keys.add(key(folder))
    assert len(keys) == 5


def test_the_settings_in_its_key_and_its_weights_build_it_where_verdicts_are_given(folder: Path) -> None:
    trained = fitted(folder)
    elsewhere = PretrainedDiffusion(**trained.identity()["settings"])
    elsewhere.weights_ = trained.weights_
    shutil.rmtree(folder)
    assert torch.equal(purified(elsewhere), purified(trained))


def test_a_folder_that_changed_after_its_key_was_made_gives_no_verdict(folder: Path, tmp_path: Path) -> None:
    planned = PretrainedDiffusion(pipeline=str(folder)).identity()["settings"]
    shutil.copytree(draw(tmp_path / "other", seed=5), folder, dirs_exist_ok=True)
    elsewhere = PretrainedDiffusion(**planned)
    elsewhere.weights_ = fitted(folder).weights_
    with pytest.raises(UserError, match="changed between planning and fitting"):
        elsewhere.defend(nn.Flatten())


def test_attention_that_is_called_as_it_was_is_read_as_it_is_called_now(tmp_path: Path) -> None:
    blocks = {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")}
    folder = draw(tmp_path / "pipeline", **blocks)
    expected = purified(fitted(folder))
    weights = load_file(folder / WEIGHTS)
    for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
        weights = {name.replace(f".{new}.", f".{old}."): tensor for name, tensor in weights.items()}
    save_file(weights, folder / WEIGHTS)
    assert torch.equal(purified(fitted(folder)), expected)
    theirs = diffusers.UNet2DModel.from_pretrained(folder / "unet", local_files_only=True, low_cpu_mem_usage=False)
    assert theirs.state_dict().keys() == load_file(draw(tmp_path / "again", **blocks) / WEIGHTS).keys()


@pytest.mark.parametrize(
    ("shape", "words"),
    [((3, 12, 12), "takes 1 channels and gives 1, and the images have 3"), ((1, 12, 13), "multiples of 2.*12×13")],
)
def test_other_images_are_refused(shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(UserError, match=words):
        fitted(drawn_once(), *shape)


def test_a_network_that_is_built_and_finds_no_numbers_is_refused(tmp_path: Path) -> None:
    # The frequencies of its times have a denominator of 0.
    folder = draw(tmp_path / "pipeline", block_out_channels=(2, 16), norm_num_groups=2, freq_shift=1)
    with pytest.raises(UserError, match="finds no finite numbers"):
        fitted(folder)


@pytest.mark.parametrize(
    ("file", "changes", "words"),
    [
        (NETWORK, {"_class_name": "UNet2DConditionModel"}, "_class_name = 'UNet2DConditionModel'"),
        (NETWORK, {"_class_name": "os.system"}, "_class_name = 'os.system'"),
        (NETWORK, {"act_fn": "__import__('os')"}, "act_fn"),
        (NETWORK, {"block_out_channels": [8, 10**12]}, "block_out_channels.1 = 1000000000000"),
        (NETWORK, {"block_out_channels": [8192, 8192], "norm_num_groups": 32}, "weights, and the file"),
        (NETWORK, {"block_out_channels": [4, 16]}, "do not fit the network"),
        (NETWORK, {"norm_num_groups": 3}, "diffusers cannot build the network"),
        (NETWORK, {"num_class_embeds": 10}, "num_class_embeds = 10"),
        (NETWORK, {"time_embedding_type": "fourier"}, "time_embedding_type = 'fourier'"),
        (NETWORK, {"dropout": float("nan")}, "unet/config.json"),
        (SCHEDULE, {"_class_name": "PNDMScheduler"}, "_class_name = 'PNDMScheduler'"),
        (SCHEDULE, {"prediction_type": "flow_prediction"}, "prediction_type = 'flow_prediction'"),
        (SCHEDULE, {"num_train_timesteps": 10**15}, "num_train_timesteps"),
        (SCHEDULE, {"num_train_timesteps": 40}, "time = 60.*up to 40"),
        (SCHEDULE, {"trained_betas": [0.1, 2.0]}, "trained_betas.1 = 2.0"),
        (SCHEDULE, {"trained_betas": [1e-12] * 100}, "adds no noise"),
        (SCHEDULE, {"beta_schedule": "laplace"}, "beta_schedule = 'laplace'"),
    ],
)
def test_a_configuration_that_cannot_be_worked_with_is_refused_in_words(
    folder: Path, file: str, changes: dict[str, Any], words: str
) -> None:
    rewrite(folder / file, **changes)
    with pytest.raises(UserError, match=words) as caught:
        fitted(folder)
    assert caught.value.remedy


def _pickled(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    torch.save({}, folder / "unet/diffusion_pytorch_model.bin")


def _infinite(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    save_file({**weights, "conv_out.bias": weights["conv_out.bias"] / 0}, folder / WEIGHTS)


def _linked(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder.parent / "elsewhere")
    (folder / WEIGHTS).symlink_to(folder.parent / "elsewhere")


def _piped(folder: Path) -> None:
    import os

    (folder / NETWORK).unlink()
    os.mkfifo(folder / NETWORK)


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (shutil.rmtree, "no such folder"),
    "no schedule": (lambda f: (f / SCHEDULE).unlink(), "scheduler_config.json: no such file"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), "safetensors: no such file"),
    "a pickle": (_pickled, "model.bin may run code"),
    "a link": (_linked, "link to a place outside"),
    "a pipe": (_piped, "unet/config.json: is a named pipe"),
    "no JSON": (lambda f: (f / NETWORK).write_text("[" * 100_000), "unet/config.json"),
    "a large file": (lambda f: (f / SCHEDULE).write_bytes(b" " * 2**21), "2,097,152 bytes"),
    "cut short": (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-9]), "damaged, cut short"),
    "no numbers": (_infinite, "conv_out.bias holds something else than finite numbers"),
}


@pytest.mark.parametrize(("spoil", "words"), SPOILED.values(), ids=SPOILED.keys())
def test_a_spoiled_folder_is_refused_in_words(folder: Path, spoil: Callable[[Path], object], words: str) -> None:
    spoil(folder)
    with pytest.raises(UserError, match=words) as caught:
        fitted(folder)
    assert caught.value.remedy


def test_nothing_is_imported_until_a_folder_is_read(python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    code = "import sys; import defenses.pretrained_diffusion; sys.exit('diffusers' in sys.modules)"
    assert python("-c", code).returncode == 0


def test_where_the_library_is_missing_it_says_how_to_get_it(
    python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    code = (
        "import importlib.machinery as m; found = m.PathFinder.find_spec\n"
        "m.PathFinder.find_spec = classmethod(lambda c, n, *a: None if n.startswith('diffusers') else found(n, *a))\n"
        "from defenses.pretrained_diffusion import PretrainedDiffusion as P\n"
        f"P.from_settings({{'pipeline': {str(drawn_once())!r}}}, where='here')"
    )
    answer = python("-c", code)
    assert "pip install 'medrobust[diffusion]'" in answer.stderr
