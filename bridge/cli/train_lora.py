# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard train-lora`: a character's LoRA for the SDXL painter."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("train-lora", help="train a character's LoRA for the SDXL painter on 5 to 20 pictures")
    one.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    one.add_argument("--prompt", required=True, help="names the character by a rare word: 'a photo of sks woman'")
    one.add_argument("-o", "--output", type=Path, default=Path("out/character.safetensors"), metavar="F.safetensors")
    one.add_argument("--model", default="", metavar="MODEL", help="an SDXL model: a folder, a file or a hub id")
    one.add_argument("--steps", type=options.count, default=800, help="(default: 800)")
    one.add_argument("--rank", type=options.count, default=16, help="size of the LoRA (default: 16)")
    one.add_argument("--learning-rate", type=options.number, default=1e-4, help="(default: 0.0001)")
    one.add_argument(
        "--size", type=options.count, default=1024, metavar="PX", help="side of the training pictures (default: 1024)"
    )
    one.add_argument(
        "--prior",
        default="",
        metavar="PROMPT",
        help="keeps the model from turning everyone into the character: 'a photo of a woman'",
    )
    one.add_argument("--prior-images", type=options.count, default=20, help="pictures to paint for it (default: 20)")
    one.add_argument("--seed", type=options.count, default=1)
    one.add_argument("--checkpoint-every", type=options.count, default=100, metavar="STEPS", help="(default: 100)")
    options.add_outputs(one, "output")
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it. Stopped and started again with the same options, it goes on where it was."""
    import importlib.util

    from bridge.common import progress
    from bridge.common.errors import BadInput

    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("peft") is None:
        raise BadInput("Training needs torch, diffusers and peft (pip install 'beatboard[gpu]').")
    from bridge.clips.diffusion import lora_training, sdxl
    from bridge.clips.gpu import models

    training = lora_training.Training(
        images=tuple(arguments.images),
        prompt=arguments.prompt,
        model=models.Model.named(arguments.model, sdxl.BASE),
        steps=arguments.steps,
        rank=arguments.rank,
        learning_rate=arguments.learning_rate,
        size_px=arguments.size,
        seed=arguments.seed,
        prior_prompt=arguments.prior,
        prior_images=arguments.prior_images,
        checkpoint_every=arguments.checkpoint_every,
    )
    with progress.display().stage("Training") as on_progress:
        path = lora_training.train(training, arguments.output, on_progress)
    print(f"LoRA    {path}\nsamples {path.with_suffix('.png')}\nUse it with: --set lora={path}:0.8")
    return 0
