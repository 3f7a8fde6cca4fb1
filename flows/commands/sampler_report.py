"""`broll sampler-report`: one page that shows what the sampler does with a prompt, step by step."""

import base64
import html
import io
import sys
from pathlib import Path
from typing import Any

import click

from flows.parameters import CORRECTION

STYLE = """
:root { color-scheme: light dark; --line: #8884 }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1440px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
p { max-width: 75ch } .row { display: flex; flex-wrap: wrap; gap: .75rem }
figure { margin: 0 } figure img { display: block; border: 1px solid var(--line); max-width: 100% }
figcaption { font-size: .8rem; opacity: .8 } .steps img { width: 160px } .final img { width: 440px }
svg { max-width: 100%; height: auto } dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem }
dt { opacity: .7 } dd { margin: 0; overflow-wrap: anywhere }
"""


@click.command("sampler-report")
@click.argument("prompt")
@click.option("--profile", default="embedded", show_default=True, help="A set of models: a name or a .toml file.")
@click.option("--steps", type=click.IntRange(2, 200), help="Denoising steps. [default: the profile's]")
@click.option("--guidance", type=click.FloatRange(0, 100), help="Guidance scale. [default: the profile's]")
@click.option("--scheduler", default="", help="Scheduler, such as UniPC. [default: the profile's]")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Seed of the picture.")
@click.option("--correction", type=CORRECTION, default="auto", show_default=True, help="The one that is compared.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=Path("out/sampler-report.html"),
              show_default=True, help="The page.")  # fmt: skip
def sampler_report(prompt: str, out: Path, **given: Any) -> int:
    """Show how PROMPT is drawn: predictions, bands, the mismatch and its correction, on one page."""
    page = make_report(prompt, **given)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    part.write_text(page, "utf-8")
    part.replace(out)
    print(out)
    return 0


def make_report(
    prompt: str, profile: str, steps: int | None, guidance: float | None, scheduler: str, seed: int, correction: str
) -> str:
    """The page's HTML."""
    from dataclasses import replace

    from models.diffusion.report import trace_all
    from models.diffusion.request import DrawRequest
    from models.illustrator.layout import parse_full
    from models.profiles import load_profile
    from models.registry import drawer

    chosen = load_profile(profile)
    chosen = replace(chosen, scheduler=scheduler or chosen.scheduler)
    draw = drawer(chosen)
    guide = chosen.guidance if guidance is None else guidance
    structured = replace(parse_full(prompt), full=prompt)
    request = DrawRequest(structured, seed, chosen.width, chosen.height, steps or chosen.steps, guide, correction)
    applied = draw.correction(request)
    print(
        f"drawing {request.steps} steps, and a fine run of {3 * (request.steps - 1) + 1}", file=sys.stderr, flush=True
    )
    runs, fine = trace_all(draw, request, applied)
    facts = {
        "prompt": prompt, "model": chosen.drawing, "scheduler": type(draw.loaded.pipe.scheduler).__name__,
        "steps": str(request.steps), "guidance": f"{guide:g}", "seed": str(seed),
        "correction": "none in use" if applied is None else f"{correction} {getattr(applied, 'name', '')}".strip(),
    }  # fmt: skip
    return format_page(facts, runs, fine, draw)


def format_page(facts: dict[str, str], runs: Any, fine: Any, draw: Any) -> str:
    """The page of traced runs."""
    from models.diffusion.report import draw_figures, to_pixels
    from models.diffusion.schedulers import layout_of

    charts = "".join(f"<figure>{chart}</figure>" for chart in draw_figures(runs, fine, layout_of(draw.loaded.pipe)))
    finals = [_figure(to_pixels(run.final), run.name) for run in (*runs, fine)]
    if len(runs) > 1:
        finals.append(_figure(to_pixels(8 * (runs[1].final - runs[0].final)), "corrected less off, eight times"))
    rows = "".join(
        f'<h2>What is predicted at each step: {run.name}</h2><div class="row steps">'
        + "".join(_figure(to_pixels(clean), f"step {k + 1}", small=True) for k, clean in enumerate(run.clean))
        + "</div>"
        for run in runs
    )
    listed = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>How it was drawn: {html.escape(facts['prompt'])}</title><style>{STYLE}</style>"
        f"<h1>How it was drawn</h1><dl>{listed}</dl>"
        f'<h2>One seed, side by side</h2><div class="row final">{"".join(finals)}</div>{rows}'
        "<h2>Bands</h2><p>Octaves of the predicted clean picture: the coarse ones are there first, the fine ones come "
        "last. Below: the energy of the noisy states against the same model's fine run at the same noise level, of "
        f'this one picture; a calibration is made from many.</p><div class="row">{charts}</div></html>\n'
    )


def _figure(pixels: Any, caption: str, small: bool = False) -> str:
    """A picture inside the page."""
    from PIL import Image

    data = io.BytesIO()
    image = Image.fromarray(pixels)
    image.save(data, "WEBP", quality=80) if small else image.save(data, "PNG", optimize=True)
    kind = "webp" if small else "png"
    source = f"data:image/{kind};base64,{base64.b64encode(data.getvalue()).decode()}"
    text = html.escape(caption)
    return f'<figure><img src="{source}" alt="{text}"><figcaption>{text}</figcaption></figure>'
