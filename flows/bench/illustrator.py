"""What the embedded illustrator draws and how long it takes: a sheet of 24 prompts named beforehand.

The sheet goes to out/bench/illustrator.png. Nothing is picked: one picture a prompt, the seed is the prompt's number.
"""

import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console

from flows.doctor import processor_name
from models.diffusion.request import DrawRequest
from models.profiles import EMBEDDED, load_profile
from models.prompt import CONTROLS, SETTINGS, Prompt
from models.registry import drawer

SHEET = Path("out") / "bench" / "illustrator.png"
SUBJECTS = (
    "rocket", "bee", "bicycle", "bread", "telescope", "light bulb", "tree", "volcano", "owl", "laptop", "clock",
    "sailboat", "brain", "castle", "guitar", "elephant", "house", "key", "globe", "robot", "butterfly", "umbrella",
    "microscope", "cup of coffee",
)  # fmt: skip
SIZE = (1280, 720)  # px, of a finished picture
COLUMNS = 4


def requests() -> list[DrawRequest]:
    """The sheet's prompts: every setting twice, every other control going through its words."""
    profile = load_profile(EMBEDDED)
    made = []
    for k, subject in enumerate(SUBJECTS):
        values = {name: words[k // 3 % len(words)] for name, words in CONTROLS.items()}
        values["shot_type"] = CONTROLS["shot_type"][k % 2]  # medium and close: a wide shot hides its subject
        prompt = Prompt(subject, setting=SETTINGS[k % len(SETTINGS)], **values)
        made.append(DrawRequest(prompt, k, *SIZE, profile.steps, profile.guidance))
    return made


def make_sheet(pictures: list[np.ndarray]) -> Image.Image:
    """Pictures in rows of COLUMNS, a quarter of their size."""
    tile = (SIZE[0] // 4, SIZE[1] // 4)
    sheet = Image.new("RGB", (COLUMNS * tile[0], -(-len(pictures) // COLUMNS) * tile[1]))
    for k, picture in enumerate(pictures):
        place = (k % COLUMNS * tile[0], k // COLUMNS * tile[1])
        sheet.paste(Image.fromarray(picture).resize(tile, Image.Resampling.LANCZOS), place)
    return sheet


def measure() -> tuple[dict[str, Any], Image.Image]:
    """The figures and the sheet."""
    began = time.perf_counter()
    draw = drawer(load_profile(EMBEDDED))
    loaded, seconds, pictures = time.perf_counter() - began, [], []
    for request in requests():
        began = time.perf_counter()
        pictures.append(draw(request))
        seconds.append(time.perf_counter() - began)
    figures = {
        "processor": processor_name(),
        "prompts": len(SUBJECTS),
        "size": f"{SIZE[0]}x{SIZE[1]}",
        "steps": load_profile(EMBEDDED).steps,
        "seconds to load": round(loaded, 2),
        "seconds to the first picture": round(loaded + seconds[0], 2),
        "seconds a picture, median": round(statistics.median(seconds[1:]), 2),
    }
    return figures, make_sheet(pictures)


def main(as_json: bool) -> int:
    """Measure, save the sheet, print; the exit code."""
    figures, sheet = measure()
    SHEET.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(SHEET)
    figures["sheet"] = str(SHEET)
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            Console().print(f"{name:30} {value}")
    return 0
