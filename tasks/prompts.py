"""From a scene's summary to a structured prompt: a boiled-down core, and one control after the other by plain rules.

Everything that is added to what the scene says stands here, in tables that can be read; there are no other style
words anywhere. Palette and style are the series' look and stay the same for every scene; shot type, angle, lens and
lighting vary with the scene.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from models.prompt import CONTROLS, PALETTES, SETTINGS, STYLES, Prompt, format_core, format_full
from tasks.concepts import Embed, embed_names, list_words, singular, with_article
from tasks.look import Look
from tasks.metaphors import parse_scenery
from tasks.records import Scene, Summary

#: Where nothing tells the setting, one of these, by the scene.
PLAIN_SETTINGS = SETTINGS[:2]
#: Where the mood tells nothing: shots in the order in which an editor would vary them, by the scene.
NEUTRAL_SHOTS = ("medium shot", "close-up")  # a wide shot shows too little of its subject in four seconds
NEUTRAL_ANGLES = ("eye level", "eye level", "low angle", "eye level", "high angle")
LENS_OF_SHOT = {"close-up": "shallow focus", "wide shot": "wide-angle lens", "medium shot": "standard lens"}

ANGLE_OF_MOOD = {"hopeful": "low angle", "tense": "dutch angle", "sad": "high angle", "energetic": "low angle"}
LIGHT_OF_MOOD = {
    "hopeful": "warm evening light", "tense": "cool light", "sad": "cool light", "calm": "soft daylight",
    "dark": "night", "energetic": "soft daylight", "playful": "soft daylight",
}  # fmt: skip
LIGHT_OF_SETTING = {"a starry sky": "night", "a stage": "spotlight"}
#: What is said about the light goes before the mood.
LIGHT_WORDS = {
    "night": ("night", "midnight", "moon", "stars", "dark", "darkness"),
    "warm evening light": ("evening", "sunset", "dusk", "dawn", "sunrise", "candle"),
    "cool light": ("winter", "ice", "cold", "snow", "frost"),
}
#: A large second subject is what the first stands before; any other is beside it.
LARGE = frozenset(
    "house mountain castle factory tree office building hospital school church city tower volcano".split()
)
#: What hangs in the sky is drawn above a second subject.
IN_THE_SKY = frozenset("sun moon star cloud rainbow airplane helicopter bird eagle satellite balloon planet".split())


NEUTRAL = Look()


class Drawable(Protocol):
    """What a drawing model knows, as `models.illustrator.vocabulary.Vocabulary`."""

    names: tuple[str, ...]


def write_prompt(
    summary: Summary, scene: Scene, look: Look = NEUTRAL, vocabulary: Drawable | None = None, embed: Embed | None = None
) -> Prompt:
    """The prompt of one scene.

    With a `vocabulary` (the embedded model's) subjects and setting are its nearest words; without one
    (Hub models) they stay as the summary has them.
    """
    names, relation = _list_subjects(summary, look)
    subjects = [_fit(name, vocabulary, embed) for name in names]
    second = subjects[1] if len(subjects) > 1 and subjects[1] != subjects[0] else ""
    shot = look.shot_type or _choose_shot(scene, second)
    setting = look.setting or summary.setting or _vary(scene, "setting", PLAIN_SETTINGS)
    prompt = Prompt(
        subject=subjects[0],
        relation=_relate(subjects[0], second, relation) if second else "",
        setting=_fit_setting(setting, vocabulary, embed),
        shot_type=shot,
        camera_angle=look.camera_angle
        or ANGLE_OF_MOOD.get(summary.mood, "")
        or _vary(scene, "camera_angle", NEUTRAL_ANGLES),
        lens=look.lens or LENS_OF_SHOT.get(shot, CONTROLS["lens"][0]),
        lighting=look.lighting or _choose_light(summary),
        palette=look.palette or PALETTES[0],
        style=look.style or STYLES[0],
        negative=", ".join(part for part in (look.negative, *look.banned) if part),
    )
    prompt = replace(prompt, core=format_core(prompt))
    return replace(prompt, full=format_full(prompt))


def _list_subjects(summary: Summary, look: Look) -> tuple[list[str], str]:
    """What to draw, one thing or two, and "" or their relation.

    The first subject, and a second one only where gist or claim names it; without any subject the metaphor's parts.
    A character of the series that gist or claim names comes in as the second; what is banned is left out.
    """
    scenery = parse_scenery(summary.metaphor or "picture frame")
    named = summary.subjects or (scenery.thing, *([scenery.other] if scenery.other else []))
    first, *others = [name for name in named if not is_banned(name, look.banned)] or ["picture frame"]
    told = {word.rstrip("s") for word in list_words(f"{summary.gist} {summary.claim}")}
    if summary.subjects:
        others = [name for name in others if list_words(name) and list_words(name)[-1].rstrip("s") in told]
    cast = [one.drawn for one in look.characters if {word.rstrip("s") for word in list_words(one.who)} <= told]
    names = list(dict.fromkeys([first, *cast, *others]))[:2]
    whole = not summary.subjects and names == [scenery.thing, scenery.other]
    return names, scenery.relation if whole else ""


def is_banned(name: str, banned: Sequence[str]) -> bool:
    """Whether a word or phrase of `banned` occurs in `name`, singular or plural."""
    words = [singular(word) for word in list_words(name)]
    phrases = ([singular(word) for word in list_words(phrase)] for phrase in banned)
    return any(words[k : k + len(phrase)] == phrase for phrase in phrases if phrase for k in range(len(words)))


def _fit(name: str, vocabulary: Drawable | None, embed: Embed | None) -> str:
    """`name` itself where the drawing model knows it, else the concept nearest in meaning."""
    if vocabulary is None or name in vocabulary.names:
        return name
    if name.lower() in vocabulary.names or embed is None:
        return name.lower()
    return vocabulary.names[int((embed_names(embed, vocabulary.names) @ embed([name])[0]).argmax())]


def _fit_setting(setting: str, vocabulary: Drawable | None, embed: Embed | None) -> str:
    if vocabulary is None or setting in SETTINGS or embed is None:
        return setting
    return SETTINGS[int((embed_names(embed, SETTINGS) @ embed([setting])[0]).argmax())]


def _relate(first: str, second: str, relation: str) -> str:
    """`relation`, else one that suits and that the embedded model has been trained on, and the second subject."""
    if not relation and set(list_words(first)) & IN_THE_SKY:
        relation = "above"
    suited = "in front of" if set(list_words(second)) & LARGE else "beside"
    return f"{relation or suited} {with_article(second)}"


def _choose_shot(scene: Scene, second: str) -> str:
    """Two subjects need room; otherwise the scene's turn."""
    return "medium shot" if second else _vary(scene, "shot_type", NEUTRAL_SHOTS)


def _choose_light(summary: Summary) -> str:
    words = set(list_words(f"{summary.gist} {' '.join(summary.subjects)}"))
    for light, signs in LIGHT_WORDS.items():
        if words & set(signs):
            return light
    return LIGHT_OF_SETTING.get(summary.setting) or LIGHT_OF_MOOD.get(summary.mood) or CONTROLS["lighting"][0]


def _vary(scene: Scene, control: str, choices: Sequence[str]) -> str:
    """A choice that depends on nothing but the scene's id and the control, so that a rerun makes it again."""
    digest = hashlib.sha256(f"{scene.id}/{control}".encode()).digest()
    return choices[digest[0] % len(choices)]
