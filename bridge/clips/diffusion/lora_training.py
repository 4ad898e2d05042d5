# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's LoRA for SDXL from a few pictures: DreamBooth (Ruiz et al. 2023) by low rank (Hu et al. 2022).

A run that was stopped goes on where it was: every checkpoint is whole, and each step draws its randomness from the seed
and its own number, so that a resumed run ends on the same weights.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bridge import cover
from bridge.clips.diffusion import common, sdxl
from bridge.clips.gpu import devices, models
from bridge.common import files, user_files
from bridge.common.errors import BadInput, GenerationFailed
from bridge.common.frames import Frame, resized

TARGETS = ["to_k", "to_q", "to_v", "to_out.0"]
"""the attention layers that learn"""
MOST_IMAGES = 100


@dataclass(frozen=True)
class Training:
    """What is learned, and how."""

    images: tuple[Path, ...]
    prompt: str
    """names the character by a rare word, as in "a photo of sks woman" """
    model: models.Model = sdxl.BASE
    steps: int = 800
    rank: int = 16
    learning_rate: float = 1e-4
    size_px: int = 1024
    seed: int = 1
    prior_prompt: str = ""
    """what the character is one of, as in "a photo of a woman": keeps the model from forgetting the others"""
    prior_images: int = 20
    prior_weight: float = 1.0
    checkpoint_every: int = 100

    @property
    def key(self) -> str:
        """Names the run: a checkpoint of another one is never continued. More steps are the same run."""
        values = dataclasses.asdict(dataclasses.replace(self, steps=0, checkpoint_every=0))
        values["images"] = [files.sha256_of(path) for path in self.images]
        return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def train(training: Training, output: Path, on_progress: Callable[[float, str], None]) -> Path:
    """Trains, and writes the LoRA as one safetensors file.

    Args:
        output: where it goes; the checkpoint and the sample grid lie beside it while it is made.
        on_progress: told the progress, 0-1, and the loss; may raise to stop. What is learned by then is kept.

    Raises:
        BadInput: an image or the model can't be used.
        GenerationFailed: the training diverged.
    """
    import torch

    check(training, output)
    on_progress(0.0, "loading stable-diffusion-xl")
    pipeline = _pipeline(training)
    lessons = _lessons(pipeline, training, on_progress)
    trainee = Trainee(pipeline, training, output)
    trainee.resume()
    average = 0.0
    for step in range(trainee.step, training.steps):
        loss = trainee.learn(lessons)
        if not math.isfinite(loss):
            raise GenerationFailed(
                f"The training diverged at step {step + 1}. Start again with a smaller --learning-rate."
            )
        average = loss if not average else 0.95 * average + 0.05 * loss
        if trainee.step % training.checkpoint_every == 0:
            trainee.save()
        on_progress(
            0.1 + 0.8 * trainee.step / training.steps, f"step {trainee.step} of {training.steps}, loss {average:.4f}"
        )
    trainee.save()
    on_progress(0.92, "painting samples")
    with torch.no_grad():
        _write_samples(pipeline, training, output.with_suffix(".png"))
        user_files.remember(output.with_suffix(".png"))
    trainee.export()
    trainee.checkpoint.unlink()
    on_progress(1.0, "done")
    return output


def check(training: Training, output: Path) -> None:
    """Refuses what can't work before anything is loaded."""
    if not 1 <= len(training.images) <= MOST_IMAGES:
        raise BadInput(f"A character needs 5 to 20 pictures; {len(training.images)} were given.")
    if not training.prompt.strip():
        raise BadInput("The prompt must name the character by a rare word, as in: --prompt 'a photo of sks woman'.")
    if output.suffix != ".safetensors":
        raise BadInput(f"The LoRA is a .safetensors file: give it such a name with -o, not {output.name!r}.")
    for path in training.images:
        cover.load(path)
    files.check_writable(output)
    user_files.must_be_free(output.with_suffix(".png"))


@dataclass(frozen=True)
class Lessons:
    """What a step chooses from: latents of pictures with what is said about them, and how much they count."""

    latents: Any
    """shape (n, 4, height, width)"""
    texts: Any
    pooled: Any
    """one row per kind of picture: 0 the character, 1 the prior"""
    kinds: Any
    weights: tuple[float, ...]


class Trainee:
    """The network with its LoRA, and where its training is."""

    def __init__(self, pipeline: Any, training: Training, output: Path) -> None:
        import peft
        import torch

        self.pipeline, self.training, self.output = pipeline, training, output
        self.checkpoint = output.with_suffix(".checkpoint")
        self.step = 0
        self.unet = pipeline.unet.requires_grad_(False)
        torch.manual_seed(training.seed)  # the LoRA's first weights
        config = peft.LoraConfig(
            r=training.rank, lora_alpha=training.rank, init_lora_weights="gaussian", target_modules=TARGETS
        )
        self.unet.add_adapter(config)
        self.weights = [weight for weight in self.unet.parameters() if weight.requires_grad]
        for weight in self.weights:
            weight.data = weight.data.float()
        if self.unet.device.type == "cuda":
            self.unet.enable_gradient_checkpointing()
        self.optimizer = torch.optim.AdamW(self.weights, lr=training.learning_rate, weight_decay=1e-2)
        self.schedule = _training_schedule(pipeline)

    def learn(self, lessons: Lessons) -> float:
        """One step: one picture of each kind. Gives the loss."""
        import torch

        self.step += 1
        random = torch.Generator("cpu").manual_seed(self.training.seed * 1_000_003 + self.step)
        total = torch.zeros((), device=self.unet.device)
        for kind, weight in enumerate(lessons.weights):
            choice = torch.nonzero(lessons.kinds == kind).flatten()
            index = choice[torch.randint(len(choice), (1,), generator=random)]
            total = total + weight * self._loss(lessons, index, kind, random)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(total.detach())

    def _loss(self, lessons: Lessons, index: Any, kind: int, random: Any) -> Any:
        import torch

        device, dtype = self.unet.device, self.unet.dtype
        clean = lessons.latents[index].to(device, torch.float32)
        noise = torch.randn(clean.shape, generator=random).to(device)
        moments = torch.randint(self.schedule.config.num_train_timesteps, (1,), generator=random).to(device)
        noisy = self.schedule.add_noise(clean, noise, moments)
        side = self.training.size_px
        places = torch.tensor([[side, side, 0, 0, side, side]], device=device, dtype=dtype)
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            guess = self.unet(
                noisy.to(dtype),
                moments,
                encoder_hidden_states=lessons.texts[kind : kind + 1].to(device, dtype),
                added_cond_kwargs={
                    "text_embeds": lessons.pooled[kind : kind + 1].to(device, dtype),
                    "time_ids": places,
                },
            ).sample
        v_wanted = self.schedule.config.prediction_type == "v_prediction"
        wanted = self.schedule.get_velocity(clean, noise, moments) if v_wanted else noise
        return torch.nn.functional.mse_loss(guess.float(), wanted)

    def save(self) -> None:
        """Writes a checkpoint, whole or not at all."""
        import torch

        state = {
            "run": self.training.key,
            "step": self.step,
            "weights": [weight.detach().cpu() for weight in self.weights],
            "optimizer": self.optimizer.state_dict(),
        }
        with files.written_beside(self.checkpoint) as beside:
            torch.save(state, beside)

    def resume(self) -> None:
        """Goes on from this run's checkpoint, if there is one."""
        import torch

        if not self.checkpoint.exists():
            return
        try:
            state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except Exception as error:
            if not models.is_unloadable(error) and type(error).__name__ != "UnpicklingError":
                raise
            raise BadInput(f"The checkpoint {self.checkpoint} is damaged. Delete it to start anew.") from error
        if state["run"] != self.training.key:
            raise BadInput(
                f"{self.checkpoint} belongs to a training with other pictures or options. Delete it, or use another -o."
            )
        with torch.no_grad():
            for weight, kept in zip(self.weights, state["weights"], strict=True):
                weight.copy_(kept)
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]

    def export(self) -> None:
        """Writes the LoRA as others read it."""
        import diffusers
        import peft
        from diffusers.utils import convert_state_dict_to_diffusers

        layers = convert_state_dict_to_diffusers(peft.get_peft_model_state_dict(self.unet))
        with files.written_beside(self.output) as beside:
            diffusers.StableDiffusionXLPipeline.save_lora_weights(
                str(beside.parent), unet_lora_layers=layers, weight_name=beside.name, safe_serialization=True
            )


def _pipeline(training: Training) -> Any:
    import diffusers
    import torch

    device = devices.best_device()
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    pipeline = models.load(diffusers.StableDiffusionXLPipeline, training.model, dtype=dtype)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.vae.to(dtype=torch.float32)  # SDXL's own decoder overflows in half precision
    return pipeline.to(device)


def _training_schedule(pipeline: Any) -> Any:
    import diffusers

    return diffusers.DDPMScheduler.from_config(pipeline.scheduler.config)


def _lessons(pipeline: Any, training: Training, on_progress: Callable[[float, str], None]) -> Lessons:
    """Everything that doesn't change while it learns: computed once, before."""
    import torch

    side = training.size_px
    pictures = [resized(cover.load(path), side, side) for path in training.images]
    prompts, kinds = [training.prompt], [0] * len(pictures)
    if training.prior_prompt:
        for i in range(training.prior_images):
            on_progress(
                0.05 * i / training.prior_images, f"painting picture {i + 1} of {training.prior_images} of the others"
            )
            pictures.append(_painted(pipeline, training.prior_prompt, side, training.seed + 1000 + i))
        prompts.append(training.prior_prompt)
        kinds += [1] * training.prior_images
    on_progress(0.08, "reading the pictures")
    with torch.no_grad():
        latents = torch.cat([_latents(pipeline, picture, training.seed) for picture in pictures])
        said = [pipeline.encode_prompt(prompt, do_classifier_free_guidance=False) for prompt in prompts]
    texts, pooled = torch.cat([one[0] for one in said]), torch.cat([one[2] for one in said])
    weights = (1.0, training.prior_weight)[: len(prompts)]
    return Lessons(latents, texts, pooled, torch.tensor(kinds), weights)


def _latents(pipeline: Any, picture: Frame, seed: int) -> Any:
    import torch

    pixels = torch.from_numpy(picture.astype(np.float32) / 127.5 - 1).movedim(-1, 0)[None]
    found = pipeline.vae.encode(pixels.to(pipeline.vae.device)).latent_dist
    return (found.sample(common.generator(seed)) * pipeline.vae.config.scaling_factor).cpu()


def _painted(pipeline: Any, prompt: str, side_px: int, seed: int) -> Frame:
    import torch

    steps = 25 if side_px > 256 else 2
    with torch.no_grad():
        output = pipeline(
            prompt=prompt,
            width=side_px,
            height=side_px,
            num_inference_steps=steps,
            generator=common.generator(seed),
            output_type="np",
        )
    return common.to_frames(output.images, "stable-diffusion-xl")[0]


def _write_samples(pipeline: Any, training: Training, path: Path) -> None:
    """Four pictures by what was learned, in a square."""
    from PIL import Image

    pictures = [_painted(pipeline, training.prompt, training.size_px, training.seed + i) for i in range(4)]
    rows: Sequence[Any] = [np.hstack(pictures[:2]), np.hstack(pictures[2:])]
    with files.written_beside(path) as beside:
        Image.fromarray(np.vstack(rows)).save(beside)
