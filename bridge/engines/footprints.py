# SPDX-License-Identifier: GPL-3.0-or-later
"""What each model needs at its usual size, in half precision; GiB."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Footprint:
    """A model's memory."""

    weights_gib: float
    largest_part_gib: float
    working_gib: float
    """activations and decoding on top of the weights"""
    tiled_working_gib: float

    @property
    def resident_gib(self) -> float:
        """What a device needs free to hold everything."""
        return (self.weights_gib + self.working_gib) / SHARE_OF_FREE

    @property
    def offloaded_gib(self) -> float:
        """What a device needs free to hold one part at a time, with the decoder in tiles."""
        return (self.largest_part_gib + self.tiled_working_gib) / SHARE_OF_FREE

    def with_weights(self, weights_gib: float) -> "Footprint":
        """The same kind of model in another size."""
        ratio = weights_gib / self.weights_gib
        return replace(self, weights_gib=weights_gib, largest_part_gib=self.largest_part_gib * ratio)


SHARE_OF_FREE = 0.9
"""of the free memory that is planned with"""

SDXL = Footprint(weights_gib=6.9, largest_part_gib=4.8, working_gib=5.3, tiled_working_gib=2.2)
SVD = Footprint(weights_gib=4.3, largest_part_gib=2.9, working_gib=33.0, tiled_working_gib=6.0)
ANIMATEDIFF_SDXL = Footprint(weights_gib=7.9, largest_part_gib=5.7, working_gib=22.0, tiled_working_gib=9.0)
ANIMATEDIFF_SPARSE = Footprint(weights_gib=4.6, largest_part_gib=2.5, working_gib=8.0, tiled_working_gib=4.0)
WAN = Footprint(weights_gib=46.0, largest_part_gib=32.0, working_gib=20.0, tiled_working_gib=10.0)
LTX2 = Footprint(weights_gib=62.0, largest_part_gib=38.0, working_gib=14.0, tiled_working_gib=8.0)
LTX = Footprint(weights_gib=14.0, largest_part_gib=9.5, working_gib=8.0, tiled_working_gib=4.0)
COGVIDEOX = Footprint(weights_gib=20.0, largest_part_gib=11.0, working_gib=20.0, tiled_working_gib=6.0)
HUNYUAN15 = Footprint(weights_gib=36.0, largest_part_gib=17.0, working_gib=24.0, tiled_working_gib=10.0)
HUNYUAN = Footprint(weights_gib=40.0, largest_part_gib=25.0, working_gib=30.0, tiled_working_gib=12.0)

SDXL_PICTURE_GIB = 1.2
"""for each picture that is painted at once, 1024x576, on top of the decoder's memory"""
