"""Guidance within an interval of noise levels: half the work outside of it, nothing else changed."""

import pytest

pytest.importorskip("torch", reason="needs the gpu extra: scripts/test.sh --engines")

import torch
from diffusers import EulerDiscreteScheduler

from bridge.clips.diffusion import guidance

pytestmark = pytest.mark.torch

ALL, NONE = (0.0, 1e9), (1e8, 1e9)


class Pipeline:
    """Guides as diffusers' pipelines do: without the prompt first, then with it, in one batch."""

    def __init__(self):
        self.scheduler = EulerDiscreteScheduler()
        self.unet = torch.nn.Module()
        self.unet.forward = self.look
        self.seen = []

    def look(self, sample, timestep, words, added):
        assert len(sample) == len(words) == len(added["times"])
        self.seen.append(len(sample))
        return (sample * 0.1 + words + added["times"],)

    def __call__(self, scale, steps=6):
        self.scheduler.set_timesteps(steps)
        latents = torch.ones(3, 4) * self.scheduler.init_noise_sigma
        words = torch.cat([torch.zeros(3, 1), torch.ones(3, 1)])
        for timestep in self.scheduler.timesteps:
            both = self.scheduler.scale_model_input(torch.cat([latents, latents]), timestep)
            without, prompted = self.unet(both, timestep, words, added={"times": torch.ones(6, 1)})[0].chunk(2)
            latents = self.scheduler.step(without + scale * (prompted - without), timestep, latents).prev_sample
        return latents


def test_within_the_interval_nothing_changes():
    plain, limited = Pipeline(), Pipeline()
    with guidance.limited(limited, ALL):
        assert torch.equal(limited(5.0), plain(5.0))
    assert limited.seen == [6] * 6


def test_outside_it_the_prompt_alone_counts():
    plain, limited = Pipeline(), Pipeline()
    with guidance.limited(limited, NONE):
        assert torch.allclose(limited(5.0), plain(1.0))
    assert limited.seen == [3] * 6


def test_the_interval_is_one_of_noise_levels():
    pipeline = Pipeline()
    pipeline.scheduler.set_timesteps(6)
    sigmas = pipeline.scheduler.sigmas[:6].tolist()
    with guidance.limited(pipeline, (sigmas[4], sigmas[2])):
        pipeline(5.0)
    assert pipeline.seen == [3, 3, 6, 6, 3, 3]


def test_afterwards_the_network_is_itself_again():
    pipeline = Pipeline()
    with pytest.raises(ZeroDivisionError), guidance.limited(pipeline, NONE):
        raise ZeroDivisionError
    pipeline(5.0)
    assert pipeline.seen == [6] * 6
