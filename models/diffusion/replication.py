"""The method's own setting at small size: a noise-predicting model of 32x32 pixels, sampled by DDPM and DDIM.

Trained here on the project's drawings, one on white each. Resumable: a run that was stopped goes on from its averaged
weights with a fresh optimiser.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from models.diffusion.coefficients import Correction
from models.diffusion.gate import describe
from models.diffusion.schedulers import enable

EDGE = 32  # px
RATE = 1e-3  # peak learning rate; falls linearly with the time that is spent
BATCH = 64
MEMORY = 0.998  # of the averaged weights; less while the run is young

#: Noise schedule of the paper's DDPM models, clipped as those are.
SCHEDULE: dict[str, Any] = {"beta_schedule": "linear", "num_train_timesteps": 1000, "clip_sample": True}


def load_pictures(drawings: Path) -> torch.Tensor:
    """(N, 3, 32, 32) uint8: each training drawing on white."""
    from models.illustrator.composer import load_bank

    found = load_bank(drawings, 96, 16).drawings  # (N, 4, 96, 96) straight alpha
    pictures = []
    for part in found.split(256):
        colour, alpha = part[:, :3].float() / 255, part[:, 3:].float() / 255
        pictures.append(F.adaptive_avg_pool2d(colour * alpha + 1 - alpha, EDGE))
    return (torch.cat(pictures) * 255).round().to(torch.uint8)


def make_model(width: int) -> Any:
    """A U-Net of diffusers, `width` channels at full size."""
    from diffusers import UNet2DModel

    return UNet2DModel(
        sample_size=EDGE, block_out_channels=(width, 2 * width, 2 * width), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"), attention_head_dim=8,
    )  # fmt: skip


def batches(pictures: torch.Tensor, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Endless batches in -1..1, mirrored at random."""
    while True:
        rows = torch.randint(len(pictures), (BATCH,), generator=generator)
        x = pictures[rows].float() / 127.5 - 1
        flip = torch.rand(BATCH, 1, 1, 1, generator=generator) < 0.5
        yield torch.where(flip, x.flip(-1), x)


def train(folder: Path, pictures: torch.Tensor, minutes: float, width: int, report: Callable[[str], None]) -> Any:
    """The averaged model after `minutes` of training in all, over resumed runs."""
    from diffusers import DDPMScheduler

    device = "cuda" if torch.cuda.is_available() else "cpu"
    folder.mkdir(parents=True, exist_ok=True)
    model, state = make_model(width), {"minutes": 0.0, "steps": 0}
    if (folder / "state.json").exists():
        model.load_state_dict(load_file(folder / "model.safetensors"))
        state = json.loads((folder / "state.json").read_text())
    model = model.to(device).train()
    average = {name: p.detach().clone() for name, p in model.state_dict().items()}
    optimiser, noising = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.0), DDPMScheduler(**SCHEDULE)
    generator = torch.Generator().manual_seed(int(state["steps"]))
    source, spent, began = batches(pictures, generator), state["minutes"], time.time()
    saved, losses = began, []
    while state["minutes"] < minutes:
        x = next(source).to(device)
        noise = torch.randn(x.shape, generator=generator).to(device)
        t = torch.randint(1000, (BATCH,), generator=generator).to(device)
        loss = F.mse_loss(model(noising.add_noise(x, noise, t), t).sample, noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.param_groups[0]["lr"] = RATE * max(0.05, 1 - state["minutes"] / minutes)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        state["steps"] += 1
        state["minutes"] = spent + (time.time() - began) / 60
        blend(average, model, min(MEMORY, (1 + state["steps"]) / (10 + state["steps"])))
        losses.append(loss.item())
        if time.time() - saved > 30 or state["minutes"] >= minutes:
            report(f"training: {state['minutes']:.1f} of {minutes:g} minutes, loss {np.mean(losses):.4f}")
            save(folder, average, state)
            saved, losses = time.time(), []
    model.load_state_dict({name: value.to(device) for name, value in average.items()})
    return model.eval()


@torch.no_grad()
def blend(average: dict[str, torch.Tensor], model: torch.nn.Module, memory: float) -> None:
    """One step of the moving average, in place."""
    for name, value in model.state_dict().items():
        average[name].lerp_(value, 1 - memory)


def save(folder: Path, average: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
    """Weights, then the state that tells of them; each whole or not at all."""
    save_file({name: value.cpu().contiguous() for name, value in average.items()}, folder / "model.part")
    (folder / "model.part").replace(folder / "model.safetensors")
    (folder / "state.part").write_text(json.dumps(state))
    (folder / "state.part").replace(folder / "state.json")


@torch.inference_mode()
def sample(model: Any, kind: str, steps: int, count: int, correction: Correction | None, seed: int) -> torch.Tensor:
    """(count, 3, 32, 32) in -1..1 by "DDPM" or "DDIM"; the same seed starts from the same noise."""
    import diffusers

    device, found = model.device, []
    for at in range(0, count, BATCH):
        scheduler = getattr(diffusers, f"{kind}Scheduler")(**SCHEDULE)
        if correction is not None:
            enable(scheduler, correction)
        scheduler.set_timesteps(steps)
        generator = torch.Generator().manual_seed(seed + at)
        x = torch.randn(min(BATCH, count - at), 3, EDGE, EDGE, generator=generator).to(device)
        for t in scheduler.timesteps:
            x = scheduler.step(model(x, t).sample, t, x, generator=generator).prev_sample
        found.append(x.cpu())
    return torch.cat(found).clamp(-1, 1)


def features(pictures: torch.Tensor) -> np.ndarray:
    """Coarse colours and strengths of detail, cell by cell."""
    return describe(pictures)
