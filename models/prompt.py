"""A picture described by its components: the structured prompt, and the words that each control accepts.

Torch-free on purpose: tasks, the storyboard's schema and the embedded illustrator's composer share it,
so that every control named here is one that the embedded model has been trained to show.
"""

from dataclasses import dataclass

#: Every control's words, the first of each being the default of a neutral picture.
RELATIONS = ("beside", "above", "in front of", "inside a frame of")
SHOT_TYPES = ("medium shot", "close-up", "wide shot")
CAMERA_ANGLES = ("eye level", "low angle", "high angle", "dutch angle")
LENSES = ("standard lens", "wide-angle lens", "shallow focus")
LIGHTINGS = ("soft daylight", "warm evening light", "cool light", "night", "spotlight")
PALETTES = ("balanced palette", "pastel palette", "vivid palette", "muted palette", "monochrome blue palette")
STYLES = ("flat illustration", "soft gradient illustration", "outlined illustration")
SETTINGS = (
    "a plain background", "a gradient background", "a meadow", "a city street", "an office", "a living room",
    "a seaside", "mountains", "a starry sky", "a stage", "a workshop", "a desert",
)  # fmt: skip

CONTROLS: dict[str, tuple[str, ...]] = {
    "shot_type": SHOT_TYPES,
    "camera_angle": CAMERA_ANGLES,
    "lens": LENSES,
    "lighting": LIGHTINGS,
    "palette": PALETTES,
    "style": STYLES,
}


@dataclass(frozen=True)
class Prompt:
    """What one picture shows, component by component. Empty text means: left to the model."""

    subject: str  # the one thing to draw, a noun phrase: "rocket"
    relation: str = ""  # how a second subject stands to it: "beside a telescope"
    setting: str = ""  # where: "a starry sky"
    shot_type: str = ""  # one of SHOT_TYPES for the embedded model
    camera_angle: str = ""  # one of CAMERA_ANGLES for the embedded model
    lens: str = ""  # one of LENSES for the embedded model
    lighting: str = ""  # one of LIGHTINGS for the embedded model
    palette: str = ""  # one of PALETTES for the embedded model
    style: str = ""  # one of STYLES for the embedded model
    negative: str = ""  # what must not appear
    core: str = ""  # the boiled-down prompt that works alone
    full: str = ""  # core and every further component, as the model gets it


#: Settings that one is not "in".
PREPOSITIONS = {
    "a plain background": "on", "a gradient background": "on", "a city street": "on", "a stage": "on",
    "a seaside": "at",
}  # fmt: skip


def format_core(prompt: Prompt) -> str:
    """The boiled-down prompt: subject and, where there is one, its relation."""
    return f"{prompt.subject} {prompt.relation}".strip()


def format_full(prompt: Prompt) -> str:
    """The embedded model's grammar: `subject [relation], in SETTING, SHOT, ANGLE, LENS, LIGHT, PALETTE, STYLE`."""
    setting = f"{PREPOSITIONS.get(prompt.setting, 'in')} {prompt.setting}" if prompt.setting else ""
    parts = [format_core(prompt), setting, *(getattr(prompt, name) for name in CONTROLS)]
    return ", ".join(part for part in parts if part)
