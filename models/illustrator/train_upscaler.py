"""Training the upscaler on what the illustrator really draws.

    python -m models.illustrator.train_upscaler --minutes 40 [--pairs 800] [--out DIR]

First the pairs: a composition is rendered four times as large, made small, half drowned in noise and drawn again by the
illustrator under its own sketch, so that it stays where it was and gets that model's grain and softness. They are kept
beside the checkpoints and made once. Then the network learns to undo it, on crops, within its time.
"""

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from models.illustrator.composer import compose, load_some, sketch_of
from models.illustrator.layout import lay_out, sample_prompt, split_relation
from models.illustrator.pipeline import IllustratorPipeline, load_pipeline
from models.illustrator.train import Average, save_average
from models.illustrator.upscaler import FACTOR, Upscaler
from models.prompt import Prompt, format_full
from models.weights import cache_folder

CONCEPTS = 120  # whose drawings are rendered large
SIDE = 720  # px at which drawings are rendered: a close-up's subject at full size
CROP = 48  # px of the small picture
BATCH = 12
RATE = 6e-4  # peak learning rate; falls linearly with the time that is spent
STRENGTHS = (0.35, 0.8)  # of drawing a composition again: less keeps its edges too well, more moves them
STEPS = 10  # of a whole drawing, as the profile has it
PLAIN = 0.15  # share of crops whose small picture is the composition itself: better weights must not look worse


def redraw(pipe: IllustratorPipeline, small: torch.Tensor, prompt: Prompt, rng: random.Random) -> torch.Tensor:
    """What the illustrator makes of a composition (3, 180, 320) in -1..1 when it begins in its midst; as bytes."""
    picture = as_bytes(small).permute(1, 2, 0).numpy()
    sketch = as_bytes(sketch_of(small[None])).permute(0, 2, 3, 1).numpy()
    drawn = pipe(
        format_full(prompt),
        sketch,
        num_inference_steps=STEPS,
        generator=[torch.Generator().manual_seed(rng.randrange(1 << 32))],
        output_type="latent",
        image=picture,
        strength=rng.uniform(*STRENGTHS),
    ).images
    return as_bytes(drawn[0].float())


def make_pairs(path: Path, drawings: Path, count: int, seed: int) -> None:
    """`count` pairs as uint8: drawn (n, 3, 180, 320), plain (n, 3, 180, 320), large (n, 3, 720, 1280)."""
    pipe, rng = load_pipeline(dtype=torch.bfloat16), random.Random(seed)
    bank = load_some(drawings, SIDE, CONCEPTS, rng)
    names, begun = sorted({concept for concept, _ in bank.index}), time.time()
    drawn, plain, large = [], [], []
    for number in range(count):
        prompt = sample_prompt(names, [1.0] * len(names), rng)
        layout = lay_out(prompt, (prompt.subject, split_relation(prompt.relation)[1]), rng)
        picture = compose(layout, bank, rng, FACTOR)
        small = F.avg_pool2d(picture[None], FACTOR)[0] * 2 - 1
        drawn.append(redraw(pipe, small, prompt, rng))
        plain.append(as_bytes(small))
        large.append((picture * 255).round().byte())
        if number % 20 == 19:
            print(f"pair {number + 1} of {count}, {time.time() - begun:.0f} s", flush=True)
    part = path.with_name(path.name + ".part")
    save_file({"drawn": torch.stack(drawn), "plain": torch.stack(plain), "large": torch.stack(large)}, part)
    part.replace(path)


def as_bytes(picture: torch.Tensor) -> torch.Tensor:
    """-1..1 -> uint8."""
    return ((picture + 1) * 127.5).round().clamp(0, 255).byte()


def draw_crops(pairs: dict[str, torch.Tensor], rng: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch: small (B, 3, 48, 48) and large (B, 3, 192, 192), both in -1..1, mirrored at random."""
    small, large = [], []
    for _ in range(BATCH):
        row, x, y = rng.randrange(len(pairs["large"])), rng.randrange(320 - CROP), rng.randrange(180 - CROP)
        source = pairs["plain" if rng.random() < PLAIN else "drawn"]
        crop = source[row, :, y : y + CROP, x : x + CROP]
        target = pairs["large"][row, :, FACTOR * y : FACTOR * (y + CROP), FACTOR * x : FACTOR * (x + CROP)]
        flip = [-1] if rng.random() < 0.5 else []
        small.append(crop.flip(flip))
        large.append(target.flip(flip))
    return torch.stack(small).float() / 127.5 - 1, torch.stack(large).float() / 127.5 - 1


def upscaler_loss(made: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Absolute error of pixels and of their differences: where squares would blur, the median takes a hard edge."""
    slopes = sum((made.diff(dim=axis) - wanted.diff(dim=axis)).abs().mean() for axis in (-1, -2))
    return (made - wanted).abs().mean() + 2 * slopes


def train_upscaler(pairs: dict[str, torch.Tensor], folder: Path, minutes: float, device: str, seed: int) -> None:
    """Train until the minutes are spent; upscaler.safetensors in `folder` holds the averaged weights."""
    torch.manual_seed(seed)
    model, rng = Upscaler(), random.Random(seed + 1)
    if (kept := folder / "upscaler.safetensors").exists():
        model.load_state_dict(load_file(kept))
    model.save_config(folder / "upscaler")
    model = model.to(device, memory_format=torch.channels_last).train()
    optimiser, average = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.01, fused=True), Average(model)
    begun, log, step, done = time.time(), [], 0, 0.0
    while done < 1:
        done = (time.time() - begun) / 60 / minutes
        optimiser.param_groups[0]["lr"] = RATE * min(1, (step + 1) / 100) * max(1 - done, 0.02)
        small, large = (part.to(device, memory_format=torch.channels_last) for part in draw_crops(pairs, rng))
        with torch.autocast(device, torch.bfloat16):
            made = model(small)
        loss = upscaler_loss(made.float(), large)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.3)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        average.update(0.998)
        log.append(loss.item())
        step += 1
        if step % 50 == 0 or done >= 1:
            line = {"step": step, "minutes": round(done * minutes, 2), "loss": float(np.mean(log))}
            with (folder / "log_upscaler.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(line, flush=True)
            log.clear()
            save_average(folder / "upscaler.safetensors", average)


def main() -> None:
    """Make the pairs, where they are not there yet, and train."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--pairs", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--drawings", type=Path, default=cache_folder() / "illustrator" / "drawings.zip")
    parser.add_argument("--out", type=Path, default=cache_folder() / "illustrator" / "run")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    pairs = options.out / f"pairs_{options.pairs}_{options.seed}.safetensors"
    if not pairs.exists():
        make_pairs(pairs, options.drawings, options.pairs, options.seed)
    train_upscaler(load_file(pairs), options.out, options.minutes, options.device, options.seed)


if __name__ == "__main__":
    main()
