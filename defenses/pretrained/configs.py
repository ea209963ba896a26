"""What a folder saved by diffusers says of its network and its schedule, as far as it is taken at its word."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from annotated_types import Len
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.core.errors import UserError
from benchmark.core.settings import shortened

MOST_TIMES = 10_000

_Channels = Annotated[int, Field(ge=1, le=8192)]
_Side = Annotated[int, Field(ge=1, le=8192)]
_Beta = Annotated[float, Field(gt=0, lt=1)]
_Down = Literal["DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"]
_Up = Literal["UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"]
_Resampling = Literal["conv", "resnet"]
_LEVELS = Len(1, 10)


class _Config(BaseModel):
    # As the library does, what it does not know is passed over; what is left out takes the library's own default.
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)

    def arguments(self) -> dict[str, Any]:
        """What the file states, for the constructor of the class that it names."""
        return self.model_dump(exclude_unset=True, exclude={"class_name"})


class NetworkConfig(_Config):
    """`unet/config.json` of an unconditional U-Net that is told whole times; every number is within reason."""

    class_name: Literal["UNet2DModel"] = Field(alias="_class_name")
    sample_size: _Side | tuple[_Side, _Side] | None = None
    in_channels: _Channels = 3
    out_channels: _Channels = 3
    center_input_sample: bool = False
    time_embedding_type: Literal["positional"] = "positional"
    time_embedding_dim: _Channels | None = None
    freq_shift: Annotated[int, Field(ge=0, le=1)] = 0
    flip_sin_to_cos: bool = True
    down_block_types: Annotated[tuple[_Down, ...], _LEVELS]
    mid_block_type: Literal["UNetMidBlock2D"] | None = "UNetMidBlock2D"
    up_block_types: Annotated[tuple[_Up, ...], _LEVELS]
    block_out_channels: Annotated[tuple[_Channels, ...], _LEVELS]
    layers_per_block: Annotated[int, Field(ge=1, le=16)] = 2
    mid_block_scale_factor: Annotated[float, Field(ge=1e-3, le=1e3)] = 1
    downsample_padding: Annotated[int, Field(ge=0, le=1)] = 1
    downsample_type: _Resampling = "conv"
    upsample_type: _Resampling = "conv"
    dropout: Annotated[float, Field(ge=0, le=1)] = 0.0
    act_fn: Literal["silu", "swish", "mish", "gelu", "relu"] = "silu"
    attention_head_dim: _Channels | None = 8
    norm_num_groups: _Channels = 32
    attn_norm_num_groups: _Channels | None = None
    norm_eps: Annotated[float, Field(ge=1e-12, le=1)] = 1e-5
    resnet_time_scale_shift: Literal["default", "scale_shift"] = "default"
    add_attention: bool = True
    class_embed_type: None = None
    num_class_embeds: None = None

    @property
    def multiple(self) -> int:
        """What the height and the width of an image must be a multiple of: every level but the last halves them."""
        return 2 ** (len(self.block_out_channels) - 1)


class ScheduleConfig(_Config):
    """`scheduler/scheduler_config.json`: which β the network was trained with and what it finds.

    How samples are drawn from it (clipping, variances, spacing of times) is the purification's own business.
    """

    class_name: Literal["DDPMScheduler", "DDIMScheduler"] = Field(alias="_class_name")
    num_train_timesteps: Annotated[int, Field(ge=1, le=MOST_TIMES)] = 1000
    beta_start: _Beta = 1e-4
    beta_end: _Beta = 0.02
    beta_schedule: Literal["linear", "scaled_linear", "squaredcos_cap_v2"] = "linear"
    trained_betas: Annotated[tuple[_Beta, ...], Len(1, MOST_TIMES)] | None = None
    prediction_type: Literal["epsilon", "v_prediction", "sample"] = "epsilon"
    rescale_betas_zero_snr: bool = False


C = TypeVar("C", bound=_Config)


def parse(kind: type[C], text: bytes, name: str, where: str) -> C:
    """Read a configuration.

    Args:
        kind: What it is of.
        text: JSON.
        name: The file in its folder, for the message.
        where: The folder.

    Raises:
        UserError: It is no JSON, or says something that cannot be worked with.
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        found = f"{place} = {shortened(first['input'])}: " if place and first["type"] != "missing" else f"{place} "
        raise UserError(
            f"{name}: {found.lstrip()}{first['msg']}",
            where=where,
            remedy="give an unconditional UNet2DModel with a DDPMScheduler or DDIMScheduler, as diffusers saves them",
        ) from error
