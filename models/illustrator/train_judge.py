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
from safetensors.torch import load_file

from models.illustrator.composer import load_bank
from models.illustrator.judge import JudgeEncoder, judge_input
from models.illustrator.train import Average, load_compositions, load_words, save_average
from models.weights import cache_folder

RATE = 2e-3  # peak learning rate; falls linearly with the time that is spent
BATCH = 48
EASY = 0.4  # first share of the time, in which most pictures are easy: shapes first, finding them afterwards


class Lesson(torch.nn.Module):
    """A judge with a plain classifier beside it, which shapes the features faster than sentence vectors do.

    The classifier is left behind after training.
    """

    def __init__(self, judge: JudgeEncoder, concepts: int) -> None:
        super().__init__()
        self.judge = judge
        self.classify = torch.nn.Linear(judge.out.in_features, concepts)

    def loss(self, x: torch.Tensor, subjects: torch.Tensor, names: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cross-entropy over all concepts, and the share named right. x (B, 3, H, W) in 0..1; names placed."""
        with torch.autocast(x.device.type, torch.bfloat16):
            features = self.judge.features(judge_input(x))
            vectors, plain = self.judge.out(features), self.classify(features)
        scores = F.normalize(vectors.float(), dim=-1) @ names.T * self.judge.temperature.exp().clamp(max=60)
        loss = F.cross_entropy(scores, subjects) + F.cross_entropy(plain.float(), subjects)
        return loss, (scores.argmax(1) == subjects).float().mean()


def train_judge(judge: JudgeEncoder, drawings: Path, folder: Path, minutes: float, device: str, workers: int) -> None:
    """Train until the minutes are spent; judge.safetensors in `folder` holds the averaged weights."""
    judge.save_config(folder / "judge")
    bank = load_bank(drawings)
    words = load_words(bank, device)
    names = words.vectors[[words.table[name] for name in words.names]]
    judge.centre.data.copy_(names.mean(0))
    judge.to(memory_format=torch.channels_last)
    lesson = Lesson(judge, len(names)).to(device).train()
    names, average = judge.place(names), Average(judge)
    optimiser = torch.optim.AdamW(lesson.parameters(), RATE, weight_decay=0.02, fused=True)
    easy, usual = (iter(load_compositions(bank, words, BATCH, workers, share)) for share in (0.85, 0.15))
    begun, log, step, done = time.time(), [], 0, 0.0
    while done < 1:
        done = (time.time() - begun) / 60 / minutes
        pictures, _, subjects = next(easy if done < EASY else usual)
        optimiser.param_groups[0]["lr"] = RATE * min(1, (step + 1) / 100) * max(1 - done, 0.02)
        loss, right = lesson.loss(pictures.to(device).float() / 255, subjects.to(device), names)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(lesson.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        average.update(0.995)
        log.append((loss.item(), right.item()))
        step += 1
        if step % 50 == 0 or done >= 1:
            report(folder, step, done, log)
            log.clear()
            save_average(folder / "judge.safetensors", average)


def report(folder: Path, step: int, done: float, log: list[tuple[float, float]]) -> None:
    """One line of figures."""
    loss, right = (sum(entry[k] for entry in log) / len(log) for k in range(2))
    with (folder / "log_judge.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, "loss": loss, "right": right}) + "\n")
    print(f"{done:5.1%} step {step} loss {loss:.3f} right {right:.1%}", flush=True)


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
