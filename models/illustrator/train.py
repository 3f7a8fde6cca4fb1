"""Training the illustrator, in one resumable command that is the same on a CPU and on a GPU.

    python -m models.illustrator.train --minutes 100 [--out DIR] [--batch 24]

Pictures are composed on the fly by worker processes. The budget is time, not epochs: the learning rate falls to zero
as the minutes run out, and a run that was killed resumes from the EMA weights with a fresh optimiser. Most of
the time the network sees a window half as wide as a picture, which costs half; the last part sees whole pictures.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from models.illustrator.composer import Bank, compose, load_bank, sketch_of
from models.illustrator.layout import SLOTS, lay_out, read_phrases, sample_prompt, split_relation
from models.illustrator.network import MIN_SIGMA, IllustratorTransformer
from models.illustrator.vocabulary import load_vocabulary
from models.profiles import load_profile
from models.prompt import CONTROLS, RELATIONS, SETTINGS, Prompt
from models.registry import embedder
from models.weights import cache_folder


@dataclass(frozen=True)
class Recipe:
    """What a training run is made of."""

    minutes: float = 100.0  # of wall time in all, over resumed runs
    batch: int = 24
    rate: float = 8e-4  # peak learning rate, both optimisers
    warmup: int = 30  # steps
    ema: float = 0.998  # at least 500 steps of memory; less while the run is young
    silent: float = 0.1  # share of pictures whose words are all dropped, for guidance
    forget: float = 0.08  # share of single phrases dropped, so that short prompts work
    no_sketch: float = 0.08  # share of pictures drawn from text alone
    whole: float = 0.12  # last share of the time, spent on whole pictures
    window: int = 8  # patch columns of a picture (16) that are seen before that
    checkpoint_minutes: float = 10.0
    size: int = 192  # px at which drawings are rendered
    part: str = "all"  # "finish": only what follows the transformer learns, at half the cost


#: Things that talks name often: drawn three times as often as the rest, so that the first version knows them best.
FREQUENT = """airplane|alarm clock|apple|astronaut|balance scale|balloon|bank|bar chart|battery|bear|bed|bee|bell|
bicycle|binoculars|bird|bone|open book|brain|bread|brick|briefcase|broken chain|bus|butterfly|cactus|calculator|
calendar|camera|candle|car|castle|cat|chains|chair|checklist|chess pawn|child|chip|city|clapper board|clock|
cloud|coin|compass|computer|construction site|crowd|crown|crystal ball|cup of coffee|cycle arrows|database|desert|
diploma|dinosaur|dna|dog|dolphin|door|dove|droplet|drum|eagle|ear|egg|electric plug|elephant|envelope|eye|factory|
falling chart|family tree|farmer|feather|fire|fish|flashlight|footprints|fountain pen|fox|framed picture|game die|
gear|gears|gem stone|ghost|gift|glasses|globe|graduation cap|guitar|hammer|handshake|hard hat|headphone|heart|
helicopter|hierarchy|horse|hospital|hot dog|hourglass|house|human heart|ice|key|keyboard|kite|knot|ladder|laptop|
light bulb|lightning bolt|line chart|link|lion|locomotive|magnet|magnifying glass|megaphone|microbe|
microphone|microscope|mirror|mobile phone|money bag|mountain|mouse trap|movie camera|musical note|newspaper|notebook|
nut and bolt|octopus|office tower|owl|package|padlock|paintbrush|artist palette|palm tree|parachute|pencil|penguin|
person|pie chart|pill|pizza|planet|potted plant|puzzle piece|rainbow|recycling symbol|ring|rising chart|robot|rocket|
roller coaster|runner|sailboat|satellite|satellite dish|school|scientist|scissors|scroll|seedling|shield|ship|
shopping cart|skull|snail|snowflake|speech bubble|spider web|stack of books|star|stethoscope|stopwatch|sun|sunflower|
syringe|target|teacher|telephone|telescope|television|temple|tent|test tube|theatre masks|thermometer|thought bubble|
toolbox|tornado|tractor|train|tree|trophy|turtle|umbrella|video camera|video game|violin|volcano|warning|watch|wave|
whale|wheat|wheel|window|wolf|world map|wrench""".replace("\n", "").split("|")


class Compositions(IterableDataset):
    """Endless training pictures: (picture uint8 (3, 180, 320), phrase rows (slots,), subject row)."""

    def __init__(
        self, bank: Bank, table: dict[str, int], weights: dict[str, float], seed: int, easy: float = 0.0
    ) -> None:
        """easy: share of pictures that show one subject, large, on a calm ground (`simplify`)."""
        self.bank, self.table, self.weights, self.seed, self.easy = bank, table, weights, seed, easy
        self.synonyms = dict(zip(load_vocabulary().names, load_vocabulary().synonyms, strict=True))

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
        torch.set_num_threads(1)
        info = get_worker_info()
        rng = random.Random(f"{self.seed} {info.id if info else 0}")
        names, weights = list(self.weights), list(self.weights.values())
        while True:
            prompt = sample_prompt(names, weights, rng)
            if rng.random() < self.easy:
                prompt = simplify(prompt)
            picture = compose(
                lay_out(prompt, (prompt.subject, split_relation(prompt.relation)[1]), rng), self.bank, rng
            )
            words = list(read_phrases(prompt))
            for slot in (0, 2):  # now and then another word for the same thing
                if words[slot] and self.synonyms[words[slot]] and rng.random() < 0.12:
                    words[slot] = rng.choice(self.synonyms[words[slot]])
            rows = torch.tensor([self.table[word] for word in words])
            yield (picture * 255).round().to(torch.uint8), rows, names.index(prompt.subject)


def simplify(prompt: Prompt) -> Prompt:
    """The same subject alone, large, seen plainly: what a judge learns shapes from before it has to find them."""
    easy = {name: CONTROLS[name][0] for name in ("camera_angle", "lens", "lighting", "palette")}
    return replace(
        prompt, relation="", setting=SETTINGS[prompt.setting in SETTINGS[1::2]], shot_type="close-up", **easy
    )


def known_phrases(names: list[str]) -> list[str]:
    """Every phrase that training can meet; the first is the silent one."""
    vocabulary = load_vocabulary()
    others = [word for words in vocabulary.synonyms for word in words]
    controls = [word for words in CONTROLS.values() for word in words]
    return list(dict.fromkeys(["", *names, *others, *RELATIONS, *SETTINGS, *controls]))


def make_optimisers(model: torch.nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices (it learns more from each of the few steps that a CPU affords), AdamW else.

    A group's `share` scales the common rate: the last layers have farther to go than the rest.
    """
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    matrices = [p for n, p in named if n.startswith("blocks") and p.ndim == 2 and "table" not in n]
    chosen = {id(p) for p in matrices}
    finish = [p for n, p in named if n.startswith(("finish", "out"))]
    chosen |= {id(p) for p in finish}
    rest = [p for _, p in named if id(p) not in chosen]
    groups = [{"params": rest, "share": 1.0}, {"params": finish, "share": 3.0}]
    adam = torch.optim.AdamW(groups, rate, betas=(0.9, 0.95), weight_decay=0.01, fused=True)
    if not matrices:
        return [adam]
    muon = [{"params": matrices, "share": 1.0}]
    return [adam, torch.optim.Muon(muon, rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw")]


def windows(
    x: torch.Tensor, cells: torch.Tensor, start: torch.Tensor, columns: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut each picture (B, 3, 180, 320) and its sketch (B, 3, 72, 128) to `columns` patches from `start` (B,)."""
    pictures = [p[..., 20 * s : 20 * (s + columns)] for p, s in zip(x, start.tolist(), strict=True)]
    sketches = [c[..., 8 * s : 8 * (s + columns)] for c, s in zip(cells, start.tolist(), strict=True)]
    return torch.stack(pictures), torch.stack(sketches)


def jitter_sketch(sketch: torch.Tensor) -> torch.Tensor:
    """A sketch as a hand or a thumbnail would give it: colours a little off, cells a little noisy; -1..1."""
    batch = sketch.shape[0]
    gain = 1 + 0.03 * torch.randn(batch, 3, 1, 1, device=sketch.device)
    shift = 0.02 * torch.randn(batch, 3, 1, 1, device=sketch.device)
    return (sketch * gain + shift + 0.015 * torch.randn_like(sketch)).clamp(-1, 1)


def draw_sigma(batch: int, device: torch.device) -> torch.Tensor:
    """Noise levels (B,): logit-normal, shifted towards noise as large pictures need (Esser et al. 2024, eq. 23)."""
    sigma = torch.sigmoid(torch.randn(batch, device=device) + 0.2)
    return 2 * sigma / (1 + sigma)


def illustrator_loss(
    model: IllustratorTransformer, x: torch.Tensor, phrases: torch.Tensor, recipe: Recipe, columns: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean velocity error, and each picture's with its sigma. x (B, 3, 180, 320) in -1..1."""
    batch, device = x.shape[0], x.device
    cells = jitter_sketch(sketch_of(x, random.choice((1, 1, 1, 2, 4, 16))))
    start = torch.randint(0, 16 - columns + 1, (batch,), device=device)
    x, cells = windows(x, cells, start, columns)
    keep = torch.rand(batch, len(SLOTS), 1, device=device) > recipe.forget
    keep &= torch.rand(batch, 1, 1, device=device) > recipe.silent
    has_sketch = (torch.rand(batch, device=device) > recipe.no_sketch).float()
    sigma = draw_sigma(batch, device)
    level = sigma[:, None, None, None]
    noisy = (1 - level) * x + level * torch.randn_like(x)
    with torch.autocast(device.type, torch.bfloat16):
        clean = model.denoise(noisy, sigma, phrases * keep, cells, has_sketch, start)
    each = ((clean.float() - x) / level.clamp(min=MIN_SIGMA)).square().mean((1, 2, 3))
    return each.mean(), torch.stack((sigma, each.detach()))


class Average:
    """Exponential moving average of a module's parameters."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model, self.steps = model, 0
        self.values = {name: p.detach().clone() for name, p in model.named_parameters()}

    @torch.no_grad()
    def update(self, memory: float) -> None:
        self.steps += 1
        memory = min(memory, (1 + self.steps) / (10 + self.steps))
        for name, p in self.model.named_parameters():
            self.values[name].lerp_(p, 1 - memory)


@dataclass
class Words:
    """The phrases of training, and their sentence vectors."""

    names: list[str]  # the concepts that the bank can draw
    table: dict[str, int]  # phrase -> row; row 0 is the silent phrase
    vectors: torch.Tensor  # (phrases, 384), row 0 is zeros


@torch.inference_mode()
def sample_sheet(model: IllustratorTransformer, words: Words, bank: Bank, path: Path) -> None:
    """Eight prompts, each drawn from its sketch and from text alone, beside the composition; one PNG."""
    rng, torch_rng = random.Random(7), torch.Generator().manual_seed(7)
    chosen = ["rocket", "bee", "light bulb", "bicycle", "tree", "volcano", "laptop", "owl"]
    rows = []
    for k, name in enumerate(chosen):
        prompt = Prompt(name, setting=SETTINGS[k % 12], **{control: words[0] for control, words in CONTROLS.items()})
        picture = compose(lay_out(prompt, (name, ""), rng), bank, rng)[None] * 2 - 1
        phrases = words.vectors[[words.table[word] for word in read_phrases(prompt)]][None]
        noise = torch.randn(1, 3, 180, 320, generator=torch_rng).to(words.vectors.device)
        drawn = [draw(model, noise, phrases, sketch_of(picture), flag) for flag in (1.0, 0.0)]
        rows.append(
            torch.cat([picture[0], F.interpolate(sketch_of(picture), (180, 320))[0], *(d[0] for d in drawn)], -1)
        )
    sheet = torch.cat(rows, -2).float().cpu().clamp(-1, 1)
    Image.fromarray(((sheet + 1) * 127.5).byte().permute(1, 2, 0).numpy()).save(path)


def draw(
    model, noise: torch.Tensor, phrases: torch.Tensor, sketch: torch.Tensor, flag: float, steps: int = 12
) -> torch.Tensor:
    """A plain Euler walk without guidance, for the sheet."""
    levels = torch.linspace(1, 0, steps + 1)
    levels = 2 * levels / (1 + levels)
    x, has = noise, torch.full((1,), flag, device=noise.device)
    for now, then in zip(levels[:-1], levels[1:], strict=True):
        with torch.autocast(noise.device.type, torch.bfloat16):
            v = model(x, now.expand(1).to(noise.device), phrases, sketch, has).float()
        x = x + (then - now) * v
    return x


def save_average(path: Path, average: Average) -> None:
    """The averaged weights, whole or not at all."""
    part = path.with_name(path.name + ".part")
    save_file({name: value.contiguous().cpu() for name, value in average.values.items()}, part)
    part.replace(path)


def save(folder: Path, state: dict, average: Average) -> None:
    """EMA weights and the run's state, each written whole or not at all."""
    save_average(folder / "transformer.safetensors", average)
    (folder / "state.json.part").write_text(json.dumps(state))
    (folder / "state.json.part").replace(folder / "state.json")


def resume(folder: Path, model: torch.nn.Module) -> dict:
    """Load what an earlier run left; returns its state."""
    if not (folder / "state.json").exists():
        return {"minutes": 0.0, "steps": 0, "pictures": 0}
    model.load_state_dict(load_file(folder / "transformer.safetensors"))
    return json.loads((folder / "state.json").read_text())


def set_rate(optimisers: list[torch.optim.Optimizer], recipe: Recipe, done: float, step: int) -> None:
    """Warm up by steps, then fall linearly with the time that is spent (`done` in 0..1)."""
    rate = recipe.rate * min(1.0, (step + 1) / recipe.warmup) * max(1 - done, 0.02)
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate * group["share"]


def load_words(bank: Bank, device: str) -> Words:
    """Sentence vectors of everything that training may say of the bank's drawings."""
    names = [n for n in load_vocabulary().names if (n, "flat") in bank.index or (n, "gradient") in bank.index]
    table = {phrase: row for row, phrase in enumerate(known_phrases(names))}
    vectors = torch.from_numpy(embedder(load_profile("embedded"))(list(table))).to(device)
    vectors[0] = 0
    return Words(names, table, vectors)


def load_compositions(bank: Bank, words: Words, batch: int, workers: int, easy: float = 0.0) -> DataLoader:
    """Batches of endless training pictures, a share of them `easy`, composed by `workers` processes."""
    weights = {name: 3.0 if name in FREQUENT else 1.0 for name in words.names}
    data = Compositions(bank, words.table, weights, seed=int(time.time()), easy=easy)
    return DataLoader(data, batch, num_workers=workers, prefetch_factor=3 if workers else None)


def checkpoint(folder: Path, state: dict, average: Average, words: Words, bank: Bank) -> None:
    """Weights, state and a sheet of samples."""
    save(folder, state, average)
    averaged = IllustratorTransformer()
    averaged.load_state_dict(average.values)
    sheet = folder / f"sheet_{int(state['minutes']):04d}m.png"
    sample_sheet(averaged.to(words.vectors.device).eval(), words, bank, sheet)


def train(recipe: Recipe, drawings: Path, folder: Path, device: str, workers: int) -> None:
    """Train until the minutes are spent. Writes weights, state.json, log.jsonl and sheets into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(int(time.time()))  # a resumed run must not see the same noise again
    bank = load_bank(drawings, recipe.size)
    words, model = load_words(bank, device), IllustratorTransformer()
    model.save_config(folder / "transformer")
    before = resume(folder, model)
    model = model.to(device, memory_format=torch.channels_last).train()
    if recipe.part == "finish":
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith(("finish", "out", "modulate_out")))
    average, optimisers = Average(model), make_optimisers(model, recipe.rate)
    begun = saved = time.time()
    log: list[tuple] = []
    for step, (pictures, rows, _) in enumerate(load_compositions(bank, words, recipe.batch, workers)):
        minutes = before["minutes"] + (time.time() - begun) / 60
        done = minutes / recipe.minutes
        set_rate(optimisers, recipe, done, step)
        x = pictures.to(device).float() / 127.5 - 1
        columns = 16 if done > 1 - recipe.whole else recipe.window
        loss, each = illustrator_loss(model, x, words.vectors[rows.to(device)], recipe, columns)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        average.update(recipe.ema)
        log.append((loss.item(), norm.item(), each.cpu()))
        if step % 20 == 19:
            report(folder, log, step, minutes, done)
            log.clear()
        if done >= 1 or time.time() - saved > 60 * recipe.checkpoint_minutes:
            state = {"minutes": minutes, "steps": before["steps"] + step + 1, "recipe": asdict(recipe)}
            state["pictures"] = before["pictures"] + (step + 1) * recipe.batch
            checkpoint(folder, state, average, words, bank)
            saved = time.time()
        if done >= 1:
            break


def report(folder: Path, log: list, step: int, minutes: float, done: float) -> None:
    """One line of figures: losses, and the illustrator's by noise level (quarters of sigma, low to high)."""
    sigma, each = torch.cat([entry[2] for entry in log], -1)
    quarters = [each[(sigma >= k / 4) & (sigma < (k + 1) / 4)].mean().item() for k in range(4)]
    loss, norm = (float(np.mean([entry[k] for entry in log])) for k in range(2))
    line = {
        "step": step + 1,
        "minutes": round(minutes, 2),
        "loss": loss,
        "norm": norm,
        "by_sigma": quarters,
    }
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(f"{done:5.1%} step {step + 1} loss {loss:.4f} {[round(q, 3) for q in quarters]}", flush=True)


def main() -> None:
    """Train the embedded illustrator."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=Recipe.minutes)
    parser.add_argument("--batch", type=int, default=Recipe.batch)
    parser.add_argument("--drawings", type=Path, default=cache_folder() / "illustrator" / "drawings.zip")
    parser.add_argument("--out", type=Path, default=cache_folder() / "illustrator" / "run")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--part", choices=("all", "finish"), default=Recipe.part)
    parser.add_argument("--checkpoint-minutes", type=float, default=Recipe.checkpoint_minutes)
    options = parser.parse_args()
    recipe = Recipe(options.minutes, options.batch, checkpoint_minutes=options.checkpoint_minutes, part=options.part)
    train(recipe, options.drawings, options.out, options.device, options.workers)


if __name__ == "__main__":
    main()
