"""Training a judge on the illustrator's compositions.

    python -m models.illustrator.train_judge --minutes 10 [--out DIR] [--widths 32,64,128,192,256] [--seed 0]

The judge that ranks and the one that grades come from the same command with another seed, shape and folder.
"""

import argparse
import json
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from models.illustrator.composer import load_bank
from models.illustrator.judge import JudgeEncoder, judge_input
from models.illustrator.train import Average, load_compositions, load_words
from models.weights import cache_folder

RATE = 1.5e-3  # peak learning rate; falls linearly with the time that is spent
BATCH = 48


def judge_loss(
    judge: JudgeEncoder, x: torch.Tensor, subjects: torch.Tensor, names: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy over all concepts, and the share named right. x (B, 3, H, W) in 0..1; names placed."""
    with torch.autocast(x.device.type, torch.bfloat16):
        vectors = judge(judge_input(x))
    scores = vectors.float() @ names.T * judge.temperature.exp().clamp(max=60)
    return F.cross_entropy(scores, subjects), (scores.argmax(1) == subjects).float().mean()


def train_judge(judge: JudgeEncoder, drawings: Path, folder: Path, minutes: float, device: str, workers: int) -> None:
    """Train until the minutes are spent; judge.safetensors in `folder` holds the averaged weights."""
    folder.mkdir(parents=True, exist_ok=True)
    bank = load_bank(drawings)
    words = load_words(bank, device)
    names = words.vectors[[words.table[name] for name in words.names]]
    judge.centre.data.copy_(names.mean(0))
    judge = judge.to(device, memory_format=torch.channels_last).train()
    names = judge.place(names)
    optimiser, average = torch.optim.AdamW(judge.parameters(), RATE, fused=True), Average(judge)
    begun, log = time.time(), []
    for step, (pictures, _, subjects) in enumerate(load_compositions(bank, words, BATCH, workers)):
        done = (time.time() - begun) / 60 / minutes
        optimiser.param_groups[0]["lr"] = RATE * min(1, (step + 1) / 100) * max(1 - done, 0.02)
        loss, right = judge_loss(judge, pictures.to(device).float() / 255, subjects.to(device), names)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        average.update(0.995)
        log.append((loss.item(), right.item()))
        if step % 50 == 49 or done >= 1:
            report(folder, step + 1, done, log)
            log.clear()
            save(folder, average)
        if done >= 1:
            break


def report(folder: Path, step: int, done: float, log: list[tuple[float, float]]) -> None:
    """One line of figures."""
    loss, right = (sum(entry[k] for entry in log) / len(log) for k in range(2))
    with (folder / "log_judge.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, "loss": loss, "right": right}) + "\n")
    print(f"{done:5.1%} step {step} loss {loss:.3f} right {right:.1%}", flush=True)


def save(folder: Path, average: Average) -> None:
    """The averaged weights, whole or not at all."""
    part = folder / "judge.safetensors.part"
    save_file({name: value.contiguous().cpu() for name, value in average.values.items()}, part)
    part.replace(folder / "judge.safetensors")


def main() -> None:
    """Train a judge."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--widths", default="32,64,128,192,256")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--drawings", type=Path, default=cache_folder() / "illustrator" / "drawings.zip")
    parser.add_argument("--out", type=Path, default=cache_folder() / "illustrator" / "run")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    judge = JudgeEncoder(widths=tuple(map(int, options.widths.split(","))))
    if (kept := options.out / "judge.safetensors").exists():
        judge.load_state_dict(load_file(kept))
    train_judge(judge, options.drawings, options.out, options.minutes, options.device, options.workers)


if __name__ == "__main__":
    main()
