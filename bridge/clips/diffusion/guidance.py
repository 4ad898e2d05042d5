# SPDX-License-Identifier: GPL-3.0-or-later
"""Classifier-free guidance where it matters: only within an interval of noise levels (Kynkäänniemi et al. 2024).

Guidance runs the network twice a step, with the prompt and without. At the highest noise levels it narrows what can
come out, at the lowest it does hardly anything; the paper leaves it out of both, and measures better pictures in less
time. For Stable Diffusion XL it recommends sigma from 0.28 to 5.42. For Stable Video Diffusion nobody has measured it.
"""

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def limited(pipeline: Any, interval: tuple[float, float] | None) -> Iterator[None]:
    """While it lasts, the pipeline's UNet runs once a step outside of the interval, with the prompt.

    The interval is of noise levels, as the scheduler's sigma; without one every step is guided.
    Both halves of the batch are then the same, so that whatever scale the pipeline guides with changes nothing.
    """
    if interval is None:
        yield
        return
    import torch

    low, high = interval
    unet, scheduler = pipeline.unet, pipeline.scheduler
    forward = unet.forward

    def once_or_twice(sample: Any, timestep: Any, *args: Any, **options: Any) -> Any:
        count = sample.shape[0]
        if low < _sigma(scheduler) <= high or count % 2:
            return forward(sample, timestep, *args, **options)
        half = [_prompted(value, count) for value in (sample, timestep, *args)]
        made = forward(*half, **{name: _prompted(value, count) for name, value in options.items()})
        return (torch.cat([made[0], made[0]]), *made[1:])

    unet.forward = once_or_twice
    try:
        yield
    finally:
        unet.forward = forward


def _sigma(scheduler: Any) -> float:
    return float(scheduler.sigmas[scheduler.step_index])


def _prompted(value: Any, count: int) -> Any:
    """The half of a batch of both that has the prompt; pipelines put it second."""
    if isinstance(value, dict):
        return {name: _prompted(entry, count) for name, entry in value.items()}
    if getattr(value, "ndim", 0) and value.shape[0] == count:
        return value[count // 2 :]
    return value
