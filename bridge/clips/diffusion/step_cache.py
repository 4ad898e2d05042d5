# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that reuse the last one's work: diffusers' first-block cache, for transformers.

If a step's first block gives nearly what the last step's gave, the other blocks are taken to add what they added then
(TeaCache, Liu et al. 2024, and its simpler successor in ParaAttention). The threshold is that difference, relative;
ParaAttention's author gives 0.08 to 0.12 as hardly visible, at 1.5 to 2 times the speed.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any


@contextlib.contextmanager
def reused(transformers: Sequence[Any], threshold: float) -> Iterator[None]:
    """While it lasts, these transformers skip what would hardly change. A threshold of 0 leaves them alone."""
    if not threshold:
        yield
        return
    import diffusers

    for transformer in transformers:
        transformer.enable_cache(diffusers.FirstBlockCacheConfig(threshold=threshold))
    try:
        yield
    finally:
        for transformer in transformers:
            transformer.disable_cache()
