# SPDX-License-Identifier: GPL-3.0-or-later
"""Keyframes in a few steps: SDXL-Lightning (Lin et al. 2024), SDXL-Turbo (Sauer et al. 2023), LCM (Luo et al. 2023)."""

from dataclasses import dataclass, replace
from typing import Any

from bridge.clips.gpu.models import Model


@dataclass(frozen=True)
class FewSteps:
    """A way to need fewer steps: its own weights or a LoRA, and the noise schedule that belongs to it."""

    steps: int
    guidance: float
    model: Model | None = None
    lora: str = ""
    scheduler: str = ""
    """its class in diffusers; empty keeps the model's own"""
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def loras(self) -> tuple[tuple[str, float], ...]:
        """The LoRA with its weight, if there is one."""
        return ((self.lora, 1.0),) if self.lora else ()

    def schedule(self, pipeline: Any) -> None:
        """Gives the pipeline the schedule."""
        import diffusers

        if self.scheduler:
            kind = getattr(diffusers, self.scheduler)
            pipeline.scheduler = kind.from_config(pipeline.scheduler.config, **dict(self.options))


METHODS = {
    "no": FewSteps(steps=30, guidance=6.0),
    "lightning": FewSteps(
        steps=8,
        guidance=0.0,
        lora="ByteDance/SDXL-Lightning/sdxl_lightning_8step_lora.safetensors",
        scheduler="EulerDiscreteScheduler",
        options=(("timestep_spacing", "trailing"),),
    ),
    "turbo": FewSteps(
        steps=4,
        guidance=0.0,
        model=Model("stabilityai/sdxl-turbo", variant="fp16"),
        scheduler="EulerAncestralDiscreteScheduler",
        options=(("timestep_spacing", "trailing"),),
    ),
    "lcm": FewSteps(steps=6, guidance=1.5, lora="latent-consistency/lcm-lora-sdxl", scheduler="LCMScheduler"),
}


def named(name: str, lora: str = "") -> FewSteps:
    """The method of this name, with another LoRA file if one is given."""
    return replace(METHODS[name], lora=lora) if lora and name != "no" else METHODS[name]
