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
    hold: float = 1.0  # how firmly the embedded model's colours are held to the sketch's, 0..1
    image: str = ""  # path of a picture to start from, "" for noise alone
    strength: float = 1.0  # share of the steps that are drawn over `image`: near 0 keeps it, 1 keeps its colours only
    mask: str = ""  # path of a mask over `image`: white is drawn anew, black stays as it is
    other_seed: int = 0  # whose noise is mixed in where `amount` is above 0
    amount: float = 0.0  # of the other seed's noise, 0 none .. 1 nothing else
