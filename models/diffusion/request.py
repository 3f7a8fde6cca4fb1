"""What one picture is asked for with. Torch-free: tasks build it, `draw.Drawer` takes it."""

from dataclasses import dataclass

from models.prompt import Prompt


@dataclass(frozen=True)
class DrawRequest:
    """One picture. Equal requests to one Drawer give identical pixels."""

    prompt: Prompt
    seed: int  # of the picture's own CPU generator, 0 <= seed < 2^63
    width: int  # px of the finished picture
    height: int  # px of the finished picture
    steps: int  # num_inference_steps
    guidance: float  # guidance_scale
    correction: str = "off"  # auto | off | FILE.json | MODE:..., see coefficients.py
    sketch: str = ""  # path of a coarse colour layout; "" lets the embedded model compose its own
