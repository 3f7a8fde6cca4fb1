"""What the embedded illustrator draws, how well and how fast: sheets, retrieval, controls, seconds.

Everything is named beforehand and nothing is picked: the sheets' prompts stand below, the other prompts come from a
fixed seed, a picture's seed is its number. Sheets go to out/bench/. The whole takes a quarter of an hour on 2 cores;
`--pictures 60` gives rough figures in three minutes.
"""

import json
import statistics
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image
from rich.console import Console

from flows.doctor import processor_name
from models.diffusion.request import DrawRequest
from models.illustrator.vocabulary import WEIGHTS, load_vocabulary
from models.profiles import EMBEDDED, load_profile
from models.prompt import CONTROLS, SETTINGS, Prompt
from models.registry import drawer, embedder

FOLDER = Path("out") / "bench"
GRADER = WEIGHTS / "judge"  # no picture here was chosen by it
SUBJECTS = (
    "rocket", "bee", "bicycle", "bread", "telescope", "light bulb", "tree", "volcano", "owl", "laptop", "clock",
    "sailboat", "brain", "castle", "guitar", "elephant", "house", "key", "globe", "robot", "butterfly", "umbrella",
    "microscope", "cup of coffee",
)  # fmt: skip
SIZE = (1280, 720)  # px, of a finished picture
COLUMNS = 6
PAIRS = 20  # pairs of pictures for each effect of a control
OPTIONS = [
    click.Option(["--weights"], type=click.Path(path_type=Path), default=WEIGHTS, help="Weights to evaluate."),
    click.Option(["--pictures"], type=click.IntRange(20, 2000), default=500, help="Single-subject prompts."),
]


def requests(seed: int = 0) -> list[DrawRequest]:
    """The sheet's prompts: every setting twice, every other control going through its words."""
    profile = load_profile(EMBEDDED)
    made = []
    for k, subject in enumerate(SUBJECTS):
        values = {name: words[k // 3 % len(words)] for name, words in CONTROLS.items()}
        values["shot_type"] = CONTROLS["shot_type"][k % 2]  # medium and close: a wide shot hides its subject
        prompt = Prompt(subject, setting=SETTINGS[k % len(SETTINGS)], **values)
        made.append(DrawRequest(prompt, k + seed, *SIZE, profile.steps, profile.guidance))
    return made


def make_sheet(pictures: list[np.ndarray], columns: int = COLUMNS, width: int = 320) -> Image.Image:
    """Pictures of one size in rows, each `width` px wide."""
    tile = (width, round(width * pictures[0].shape[0] / pictures[0].shape[1]))
    sheet = Image.new("RGB", (columns * tile[0], -(-len(pictures) // columns) * tile[1]))
    for k, picture in enumerate(pictures):
        place = (k % columns * tile[0], k // columns * tile[1])
        sheet.paste(Image.fromarray(picture).resize(tile, Image.Resampling.LANCZOS), place)
    return sheet


def measure_speed() -> tuple[dict[str, Any], list[np.ndarray]]:
    """Seconds, and the sheet's 48 pictures: each prompt with two seeds."""
    began = time.perf_counter()
    draw = drawer(load_profile(EMBEDDED))
    loaded, seconds, pictures = time.perf_counter() - began, [], []
    for first, second in zip(requests(), requests(len(SUBJECTS)), strict=True):
        for request in (first, second):
            began = time.perf_counter()
            pictures.append(draw(request))
            seconds.append(time.perf_counter() - began)
    figures = {
        "processor": processor_name(),
        "size": f"{SIZE[0]}x{SIZE[1]}",
        "steps": load_profile(EMBEDDED).steps,
        "seconds to load": round(loaded, 2),
        "seconds to the first picture": round(loaded + seconds[0], 2),
        "seconds a picture, median": round(statistics.median(seconds[1:]), 2),
    }
    return figures, pictures


def measure_quality(weights: Path, count: int, say: Any) -> dict[str, Any]:
    """Retrieval and controls in the grader's eyes, and the sheets that go with them."""
    import torch

    from models.illustrator import metrics, upscale
    from models.illustrator.composer import load_bank
    from models.illustrator.judge import JudgeEncoder
    from models.illustrator.pipeline import load_pipeline
    from models.illustrator.quantised import load_quantised
    from models.illustrator.sketch import compose_sketch
    from models.weights import cache_folder

    grader, embed = load_quantised(JudgeEncoder, GRADER), embedder(load_profile(EMBEDDED))
    names = metrics.place_names(grader, load_vocabulary().names, embed)
    pipe, steps = load_pipeline(weights, torch.bfloat16), load_profile(EMBEDDED).steps
    figures: dict[str, Any] = {"concepts": len(names.rows)}

    def grade(title: str, pictures: np.ndarray, prompts: list[Prompt]) -> None:
        found = asdict(metrics.measure_retrieval(grader, pictures, prompts, names))
        figures[title] = {name: round(value, 3) for name, value in found.items()}
        say(f"{title}: {figures[title]}")

    single = metrics.make_prompts(list(names.rows), count, 1)
    double = metrics.make_prompts(list(names.rows), count * 3 // 5, 2, two=True)
    drawings = cache_folder() / "illustrator" / "drawings.zip"
    if drawings.exists():  # the grader's ceiling: real drawings that it has never seen
        bank = load_bank(drawings, held_out=True)
        unseen = sorted({concept for concept, _ in bank.index})
        prompts = metrics.make_prompts(unseen, count, 3)
        grade("held-out drawings (ceiling)", metrics.compose_pictures(prompts, bank), prompts)
    for title, prompts in (("one subject", single), ("two subjects", double)):
        sketches = [compose_sketch(prompt, k, embed) for k, prompt in enumerate(prompts)]
        drawn = metrics.draw_pictures(pipe, prompts, sketches, steps)
        grade(f"{title}, from a sketch", drawn, prompts)
        free = metrics.draw_pictures(pipe, prompts, None, steps)
        grade(f"{title}, from text alone", free, prompts)
        rows = [picture for k in range(12) for picture in (drawn[k], free[k])]
        make_sheet(rows, 4, 320).save(FOLDER / f"illustrator_{title.replace(' ', '_')}.png")
        if title == "one subject":
            ways = (upscale.enlarge, upscale.enlarge_classically)
            large = [way(picture) for picture in drawn[:6] for way in ways]
            make_sheet(large, 2, 640).save(FOLDER / "illustrator_upscaling.png")
        if drawings.exists() and title == "one subject":
            near = metrics.nearest_drawings(grader, drawn[:24], load_bank(drawings))
            both = [picture for pair in zip(drawn[:24], near, strict=True) for picture in pair]
            make_sheet(both, 6, 320).save(FOLDER / "illustrator_nearest.png")
    for effect in metrics.EFFECTS:
        subjects = SUBJECTS[:PAIRS]
        pairs = metrics.effect_prompts(subjects, effect)
        drawn_pair = [
            metrics.draw_pictures(pipe, p, [compose_sketch(x, k, embed) for k, x in enumerate(p)], steps) for p in pairs
        ]
        figures[f"{effect[1]} -> {effect[2]}"] = metrics.share_moved(drawn_pair[0], drawn_pair[1], effect)
        say(f"{effect[1]} -> {effect[2]}: {figures[f'{effect[1]} -> {effect[2]}']:.0%}")
    return figures


def main(as_json: bool, weights: Path = WEIGHTS, pictures: int = 500) -> int:
    """Measure, save the sheets, print; the exit code."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    say = Console(stderr=True).print
    figures, drawn = measure_speed()
    make_sheet(drawn).save(FOLDER / "illustrator.png")
    figures |= measure_quality(weights, pictures, say)
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            Console().print(f"{name:45} {value}")
    return 0
