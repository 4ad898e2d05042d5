"""The streamlined video network gives what the plain one gives."""

import shutil
import sys

import pytest

pytest.importorskip("torch", reason="needs the gpu extra: scripts/test.sh --engines")

import torch

from bridge.clips.gpu import aot_compile, compiled_svd, streamline
from tests.clips.diffusion import tiny_models

pytestmark = pytest.mark.torch


@pytest.fixture
def network():
    torch.manual_seed(0)
    return tiny_models.svd_unet(frames=3).eval()


def run(network, tokens=1):
    made = torch.Generator().manual_seed(1)
    with torch.no_grad():
        return network(
            torch.randn(2, 3, 8, 8, 16, generator=made),
            torch.tensor(1.0),
            torch.randn(2, tokens, 32, generator=made),
            torch.randn(2, 3, generator=made),
            return_dict=False,
        )[0]


@pytest.mark.parametrize("tokens", [1, 2])
def test_streamlining_changes_nothing(network, tokens):
    plain = run(network, tokens)
    streamline.streamline(network)
    assert torch.allclose(run(network, tokens), plain, atol=1e-4)


def test_no_queries_are_made_for_a_single_token(network):
    streamline.streamline(network)
    asked = []
    for module in network.modules():
        if isinstance(module, streamline.Attention) and module.is_cross_attention:
            module.to_q.register_forward_hook(lambda *_: asked.append(True))
    run(network, tokens=1)
    assert not asked
    run(network, tokens=2)
    assert asked


def test_convolutions_have_channels_last_in_the_twin_alone(network):
    twin = compiled_svd.sharing_weights(network)
    streamline.streamline(twin)
    layouts = {torch.nn.Conv2d: torch.channels_last, torch.nn.Conv3d: torch.channels_last_3d}
    for kind, layout in layouts.items():
        theirs = [[m.weight for m in net.modules() if isinstance(m, kind)] for net in (network, twin)]
        wide = [(old, new) for old, new in zip(*theirs, strict=True) if old[0, 0].numel() > 1]
        assert wide
        assert not any(old.is_contiguous(memory_format=layout) for old, _ in wide)
        assert all(new.is_contiguous(memory_format=layout) for _, new in wide)


def test_the_decoder_gives_the_same_pictures():
    torch.manual_seed(0)
    decoder = tiny_models.svd_decoder().eval().decoder
    latents = torch.randn(3, 4, 4, 8, generator=torch.Generator().manual_seed(1))

    def decoded():
        with torch.no_grad():
            return decoder(latents, image_only_indicator=torch.zeros(1, 3), num_frames=3)

    plain = decoded()
    streamline.streamline(decoder)
    assert torch.allclose(decoded(), plain, atol=1e-4)


@pytest.fixture
def compiled(network, monkeypatch, tmp_path):
    """The network's; what is loaded for it gives 100 more, so that the test need not wait for a compiler."""
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path))
    twin = compiled_svd.sharing_weights(network)
    streamline.streamline(twin)

    def loaded(job):
        assert job.package.exists()
        return lambda weights, args, options: (100 + torch.func.functional_call(twin, weights, args, options)[0],)

    monkeypatch.setattr(aot_compile.CompileJob, "load", loaded)
    return compiled_svd.CompiledForward(network, "", room_gib=0.0)


class Stopped:
    """Stands in for the other process' start."""

    def __init__(self, monkeypatch):
        self.begun = 0
        monkeypatch.setattr(aot_compile.CompileJob, "begin", self.begin)

    def begin(self):
        self.begun += 1


def put_package(compiled):
    """As if the other process had just finished."""
    (job,) = compiled._jobs.values()
    job.folder.mkdir(parents=True, exist_ok=True)
    job.package.touch()
    return job


def test_the_network_itself_runs_until_its_twin_is_compiled(compiled, network, monkeypatch):
    Stopped(monkeypatch)
    plain = run(network)
    assert torch.equal(run(network), plain)
    put_package(compiled)
    assert torch.allclose(run(network), plain + 100, atol=1e-4)


def test_compiled_code_follows_the_network_s_weights(compiled, network, monkeypatch):
    """A pipeline that is parked and fetched again has its weights elsewhere."""
    Stopped(monkeypatch)
    plain = run(network)
    put_package(compiled)
    assert torch.allclose(run(network), plain + 100, atol=1e-4)
    network.conv_norm_out.bias.data = network.conv_norm_out.bias.data + 1
    assert not torch.allclose(run(network), plain + 100, atol=1e-2)


def test_damaged_code_is_removed_and_the_network_itself_runs(compiled, network, monkeypatch):
    stopped = Stopped(monkeypatch)
    plain = run(network)
    job = put_package(compiled)
    begun = stopped.begun

    def damaged(_):
        raise AssertionError("made by another version of the compiler")

    monkeypatch.setattr(aot_compile.CompileJob, "load", damaged)
    assert torch.equal(run(network), plain)
    assert not job.package.exists()
    assert stopped.begun > begun, "and is made anew"


def test_nothing_is_compiled_where_there_is_no_room(compiled, network, monkeypatch):
    stopped = Stopped(monkeypatch)
    monkeypatch.setattr(compiled, "_room_gib", 1e9)
    run(network)
    assert not stopped.begun


def test_another_shape_is_another_job(compiled, network, monkeypatch):
    Stopped(monkeypatch)
    run(network)
    run(network, tokens=2)
    one, other = compiled._jobs.values()
    assert one.folder != other.folder


def test_another_process_compiles_and_this_one_loads_it(monkeypatch, tmp_path):
    """The whole way, on a decoder so small that the compiler takes seconds."""
    import diffusers

    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path))
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    one = {"encoder_block_out_channels": (8,), "decoder_block_out_channels": (8,)}
    model = diffusers.AutoencoderTiny(**one, num_encoder_blocks=(1,), num_decoder_blocks=(1,)).eval()
    compiled = compiled_svd.CompiledForward(model, "decoder", room_gib=0.0)
    latents = torch.rand(1, 4, 8, 8)
    with torch.no_grad():
        plain = model.decoder(latents)
        assert compiled.wait()
        assert torch.allclose(model.decoder(latents), plain, atol=1e-5)
    assert all(compiled._compiled.values()), "it was the compiled code that ran"
    assert len(compiled._compiled) == 1


def test_what_cannot_be_compiled_runs_as_it_came(compiled, network, monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    plain = run(network)
    assert not compiled.wait()
    assert torch.equal(run(network), plain)


def test_a_twin_shares_its_weights():
    network = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))
    twin = compiled_svd.sharing_weights(network)
    assert all(one is other for one, other in zip(network.parameters(), twin.parameters(), strict=True))
    assert all(one is other for one, other in zip(network.buffers(), twin.buffers(), strict=True))
