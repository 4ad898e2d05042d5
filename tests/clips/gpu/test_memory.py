"""Which memory policy fits which card, and how a painter and an animator share one."""

from types import SimpleNamespace

import pytest

from bridge.clips import options
from bridge.clips.gpu import devices, footprints, models, pipeline_cache
from bridge.clips.gpu.devices import MemoryPolicy
from bridge.common.errors import BadInput
from tests.clips.diffusion.diffusion_world import request_for

RESIDENT, TILED, OFFLOAD, EIGHT_BIT, SEQUENTIAL = MemoryPolicy


@pytest.mark.parametrize(("free_gib", "painter", "animator", "transformer"), [
    (5, SEQUENTIAL, SEQUENTIAL, SEQUENTIAL),
    (6, EIGHT_BIT, SEQUENTIAL, SEQUENTIAL),
    (8, OFFLOAD, SEQUENTIAL, SEQUENTIAL),
    (12, TILED, TILED, SEQUENTIAL),
    (16, RESIDENT, TILED, SEQUENTIAL),
    (30, RESIDENT, TILED, EIGHT_BIT),
    (48, RESIDENT, RESIDENT, OFFLOAD),
    (80, RESIDENT, RESIDENT, RESIDENT),
])  # fmt: skip
def test_each_card_gets_what_fits(free_gib, painter, animator, transformer):
    assert footprints.SDXL.policy(free_gib) is painter
    assert footprints.SVD.policy(free_gib) is animator
    assert footprints.WAN.policy(free_gib) is transformer


def test_less_memory_never_gives_a_hungrier_policy():
    for need in (value for value in vars(footprints).values() if isinstance(value, footprints.Footprint)):
        chosen = [need.policy(gib) for gib in range(1, 120)]
        assert chosen == sorted(chosen, reverse=True)
        assert chosen[-1] is RESIDENT


def test_an_encoder_larger_than_the_network_counts():
    assert footprints.LTX.network_gib + footprints.LTX.tiled_working_gib < 8
    assert footprints.LTX.policy(9) is SEQUENTIAL, "its text encoder alone has 8.9"
    assert footprints.LTX.policy(11) is OFFLOAD


def test_the_option_is_checked():
    def asked(**given):
        return devices.asked_policy(options.of(request_for(**given), [options.MEMORY]))

    assert asked(memory=2) is OFFLOAD
    assert asked() is None
    with pytest.raises(BadInput, match="memory takes a whole number from 0 to 4, not 'much'"):
        asked(memory="much")


class Card:
    """A GPU that pipelines take memory of."""

    def __init__(self, gib: float, monkeypatch) -> None:
        self.free = gib
        self.unused = 0.0
        device = SimpleNamespace(type="cuda")
        monkeypatch.setattr(devices, "best_device", lambda: device)
        monkeypatch.setattr(devices, "free_gib", lambda _: self.free)
        monkeypatch.setattr(devices, "free_cached", self.free_cached)
        self.stays: list[bool] = []
        monkeypatch.setattr(devices, "place", self.place)

    def place(self, pipeline, device, policy, stays):
        self.stays.append(stays)
        if policy <= TILED:
            pipeline.to(device)

    def free_cached(self):
        self.free, self.unused = self.free + self.unused, 0.0

    def leave_unused(self, gib: float):
        """What a run took and no longer uses stays with the process."""
        self.free, self.unused = self.free - gib, gib

    def pipeline(self, gib: float):
        card = self

        class Pipeline:
            where = "disk"

            def to(self, place):
                place = getattr(place, "type", place)
                if place == "cuda" != self.where:
                    card.free -= gib
                if self.where == "cuda" != place:
                    card.free += gib
                self.where = place

        return Pipeline()


def test_a_small_card_is_shared_by_parking(monkeypatch):
    card = Card(12, monkeypatch)
    kept = pipeline_cache.PipelineCache()
    made = []

    def take(name, need):
        def build():
            made.append(name)
            return card.pipeline(need.weights_gib)

        return kept.take(name, need, None, 0, build)

    for _ in range(3):
        painter = take("painter", footprints.SDXL)
        assert painter.pipeline.where == "cuda"
        animator = take("animator", footprints.SVD)
        assert animator.pipeline.where == "cuda"
        assert animator.policy is TILED, "as if it were alone"
        assert painter.pipeline.where == "cpu"
    assert made == ["painter", "animator"], "loaded once each"


def test_a_large_card_holds_both(monkeypatch):
    card = Card(80, monkeypatch)
    kept = pipeline_cache.PipelineCache()
    painter = kept.take("painter", footprints.SDXL, None, 0, lambda: card.pipeline(7))
    kept.take("animator", footprints.SVD, None, 0, lambda: card.pipeline(4))
    assert painter.pipeline.where == "cuda"


def test_what_a_run_left_unused_is_room_and_nothing_is_parked_for_it(monkeypatch):
    card = Card(80, monkeypatch)
    kept = pipeline_cache.PipelineCache()
    painter = kept.take("painter", footprints.SDXL, None, 0, lambda: card.pipeline(7))
    card.leave_unused(60)
    kept.take("animator", footprints.SVD, None, 0, lambda: card.pipeline(4))
    assert painter.pipeline.where == "cuda"


def test_a_large_card_keeps_networks_that_fit_without_their_encoder_of_prompts(monkeypatch):
    for gib, need, policy, stays in (
        (78, footprints.WAN22, OFFLOAD, True),
        (76, footprints.LTX2, OFFLOAD, True),
        (47, footprints.WAN22, OFFLOAD, False),
    ):
        card = Card(gib, monkeypatch)
        kept = pipeline_cache.PipelineCache().take(
            "p", need, None, 0, lambda card=card, need=need: card.pipeline(need.weights_gib)
        )
        assert (kept.policy, card.stays) == (policy, [stays])


def test_running_out_takes_the_next_policy(monkeypatch):
    card = Card(80, monkeypatch)
    kept = pipeline_cache.PipelineCache()
    policies = [kept.take("p", footprints.SDXL, None, level, lambda: card.pipeline(7)).policy for level in range(6)]
    assert policies == [RESIDENT, TILED, OFFLOAD, EIGHT_BIT, SEQUENTIAL, SEQUENTIAL]


def test_few_are_kept(monkeypatch):
    card = Card(500, monkeypatch)
    kept = pipeline_cache.PipelineCache()
    made = []
    for name in ("a", "b", "c", "d", "a"):
        kept.take(name, footprints.SDXL, None, 0, lambda name=name: made.append(name) or card.pipeline(1))
    assert made == ["a", "b", "c", "d", "a"]


def weights(folder, name, size):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


def test_weights_larger_than_the_memory_are_refused(tmp_path, monkeypatch):
    weights(tmp_path, "unet/diffusion_pytorch_model.safetensors", 3 * 2**30)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=2 * 2**30))
    with pytest.raises(BadInput, match=r"take 3.0 GiB of memory, and 2.0 GiB are free"):
        models.check_memory(models.Model(str(tmp_path)))


def test_each_part_counts_once(tmp_path):
    weights(tmp_path, "unet/model.safetensors", 2 * 2**30)
    weights(tmp_path, "unet/model.fp16.safetensors", 2**30)
    weights(tmp_path, "vae/model.safetensors", 2**30)
    weights(tmp_path, "whole_checkpoint.safetensors", 9 * 2**30)
    model = models.Model(str(tmp_path))
    assert models.size_gib(model) == 2.0
    assert models.sized(footprints.SVD, model).weights_gib == 2.0
    assert models.sized(footprints.SVD, models.Model("hub/id")) == footprints.SVD
