# SPDX-License-Identifier: GPL-3.0-or-later
"""What each model needs at its usual size, in half precision; GiB. Pure: known without torch."""

from dataclasses import dataclass, replace
from enum import IntEnum

SHARE_OF_FREE = 0.9
"""of the free memory that is planned with"""
CARDS_GB = (8, 12, 16, 24, 48, 80)
TAKEN_GIB = 0.9
"""of a card, before anything of ours: between GB and GiB, and by the driver and the screen"""
ENCODING_GIB = 0.5
"""what encoding a prompt takes on top of the encoder's weights"""


class MemoryPolicy(IntEnum):
    """From the fastest to the one that needs the least memory; a retry after running out takes the next."""

    RESIDENT = 0
    """everything stays on the device"""
    TILED = 1
    """the image decoder works in tiles and slices"""
    OFFLOAD = 2
    """only the part at work is on the device"""
    EIGHT_BIT = 3
    """the same, and the network's weights are kept in 8 bits; nearly the same picture"""
    SEQUENTIAL = 4
    """only the layers at work are on the device: slow, and fits nearly anywhere"""

    def cheaper(self) -> "MemoryPolicy":
        """The next policy that needs less memory; the last one stays."""
        return MemoryPolicy(min(self + 1, MemoryPolicy.SEQUENTIAL))

    @property
    def words(self) -> str:
        """For people."""
        return ("all at once", "decoded in tiles", "part by part", "part by part in 8 bits", "layer by layer")[self]


@dataclass(frozen=True)
class Footprint:
    """A model's memory."""

    name: str
    """for people"""
    weights_gib: float
    """of all parts together"""
    network_gib: float
    """of the part that denoises"""
    text_gib: float
    """of the largest encoder of prompts or pictures"""
    working_gib: float
    """activations and decoding on top of the weights"""
    tiled_working_gib: float

    def needed_gib(self, policy: MemoryPolicy) -> float:
        """What a device needs free under a policy; 0 for the last, which takes what there is."""
        network_gib = self.network_gib / (2 if policy is MemoryPolicy.EIGHT_BIT else 1)
        by_policy = {
            MemoryPolicy.RESIDENT: self.weights_gib + self.working_gib,
            MemoryPolicy.TILED: self.weights_gib + self.tiled_working_gib,
            MemoryPolicy.SEQUENTIAL: 0.0,
        }
        by_part = max(network_gib + self.tiled_working_gib, self.text_gib + ENCODING_GIB)
        return by_policy.get(policy, by_part) / SHARE_OF_FREE

    def stays(self, free_gib: float) -> bool:
        """Whether all but the encoders of prompts can stay on the device between shots, decoding in tiles."""
        return self.weights_gib - self.text_gib + self.tiled_working_gib <= free_gib * SHARE_OF_FREE

    def policy(self, free_gib: float) -> MemoryPolicy:
        """The fastest policy that fits, with a tenth to spare."""
        return next(policy for policy in MemoryPolicy if self.needed_gib(policy) <= free_gib)

    def with_weights(self, weights_gib: float) -> "Footprint":
        """The same kind of model in another size."""
        ratio = weights_gib / self.weights_gib
        return replace(
            self, weights_gib=weights_gib, network_gib=self.network_gib * ratio, text_gib=self.text_gib * ratio
        )

    @property
    def by_card(self) -> str:
        """How it runs on each size of card, as in "8 GB layer by layer, from 24 GB all at once"."""
        policies = [self.policy(card_gb - TAKEN_GIB) for card_gb in CARDS_GB]
        starts = [i for i, policy in enumerate(policies) if i == 0 or policy is not policies[i - 1]]
        parts = [f"{'from ' if i else ''}{CARDS_GB[i]} GB {policies[i].words}" for i in starts]
        return ", ".join(parts)


#                     name                          all  net  text work tiled
SDXL = Footprint("Stable Diffusion XL", 6.9, 4.8, 1.4, 5.3, 2.2)
SDXL_PICTURE_GIB = 1.2
"""for each picture that is painted at once, 1024x576, on top of the decoder's memory"""
SVD = Footprint("Stable Video Diffusion", 4.3, 2.9, 1.2, 33.0, 6.0)
SVD_DECODING_GIB = 22.0
"""of it, for all frames at once by the compiled decoder; the network takes 5"""
ANIMATEDIFF_SDXL = Footprint("AnimateDiff with SDXL", 7.9, 5.7, 1.4, 22.0, 9.0)
ANIMATEDIFF_SPARSE = Footprint("AnimateDiff with Stable Diffusion 1.5", 4.6, 3.4, 0.3, 8.0, 4.0)
FLUX2_KLEIN_4B = Footprint("FLUX.2 klein 4B", 14.9, 7.2, 7.5, 5.0, 3.0)
FLUX2_KLEIN_9B = Footprint("FLUX.2 klein 9B", 32.4, 16.9, 15.3, 6.0, 3.5)
Z_IMAGE = Footprint("Z-Image", 19.2, 11.5, 7.5, 5.0, 3.0)
QWEN_IMAGE = Footprint("Qwen-Image", 53.7, 38.1, 15.4, 8.0, 5.0)
FLUX_KONTEXT = Footprint("FLUX.1 Kontext", 31.5, 22.2, 8.9, 6.0, 4.0)
WAN = Footprint("Wan 2.1 14B", 43.0, 30.5, 10.6, 20.0, 10.0)
WAN22 = Footprint("Wan 2.2 A14B", 64.0, 26.7, 10.6, 20.0, 10.0)
WAN22_5B = Footprint("Wan 2.2 5B", 21.5, 9.4, 10.6, 14.0, 6.0)
LTX = Footprint("LTX-Video 2B", 14.8, 3.6, 8.9, 8.0, 4.0)
LTX_13B = Footprint("LTX-Video 13B", 34.5, 24.3, 8.9, 10.0, 5.0)
LTX2 = Footprint("LTX-2", 63.0, 38.0, 23.0, 14.0, 8.0)
COGVIDEOX = Footprint("CogVideoX 5B", 20.0, 10.5, 8.9, 20.0, 6.0)
HUNYUAN = Footprint("HunyuanVideo", 40.0, 24.0, 15.0, 30.0, 12.0)
HUNYUAN15 = Footprint("HunyuanVideo 1.5", 33.0, 15.6, 13.2, 60.0, 10.0)
