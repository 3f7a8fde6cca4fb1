"""The models of a profile, each loaded once per process and only when it is first asked for.

Heavy imports stay inside the functions: asking for the recogniser must not load diffusers.
"""

from functools import cache
from pathlib import Path
from typing import Any

from models import meter
from models.errors import SetupError
from models.profiles import MODEL_FIELDS, Profile
from models.weights import Report, cache_folder, fetch_weight, list_weights, weight_path

#: What a model folder of the Hub may hold that is worth having: never pickles.
HUB_FILES = ["*.safetensors", "*.json", "*.txt", "*.jinja", "*.model", "model.bin"]


@cache
def transcriber(profile: Profile) -> Any:
    """`models.speech`: audio (n,) float32 mono 16 kHz -> Transcript; None where the profile has no recogniser."""
    if not profile.speech:
        return None
    from models.speech import load_transcriber

    return load_transcriber(model_path(profile.speech), language=profile.speech_languages[0])


@cache
def embedder(profile: Profile) -> Any:
    """`models.sentences`: n texts -> (n, 384) float32, rows of unit length."""
    from models.sentences import keep_vectors, load_embedder

    folder = model_path(profile.sentences)
    weights = folder / "model.safetensors"
    size = weights.stat().st_size if weights.is_file() else 0
    return keep_vectors(load_embedder(folder), cache_folder() / "vectors", f"{profile.sentences} {size}")


@cache
def language(profile: Profile) -> Any:
    """`models.language`: completes and scores text; None where the profile has no text model."""
    if not profile.language:
        return None
    from models.language import load_language

    return load_language(model_path(profile.language))


@cache
def text_reader(profile: Profile) -> Any:
    """`models.ocr`: image (H, W, 3) uint8 RGB -> lines of on-screen text; None where the profile has no reader."""
    if not profile.ocr:
        return None
    from models.ocr import load_text_reader

    return load_text_reader()


@cache
def seer(profile: Profile) -> Any:
    """`models.vision`: answers questions about images; None where the profile has no vision-language model."""
    if not profile.vision:
        return None
    if is_endpoint(profile.vision):
        from models.endpoint import open_endpoint

        return open_endpoint(profile.vision)
    from models.vision import load_seer

    return load_seer(profile.vision, profile.vision_revision)


@cache
def drawer(profile: Profile) -> Any:
    """`models.diffusion.draw`: DrawRequest -> (height, width, 3) uint8 RGB."""
    from models.diffusion.draw import load_drawer

    drawer = load_drawer(profile)
    meter.DEVICES["draw"].add(drawer.loaded.device)
    return drawer


@cache
def judge(profile: Profile) -> Any:
    """`models.illustrator.judge`: images and texts -> (n_images, n_texts) similarities; the same for every profile."""
    from models.illustrator.judge import load_judge

    return load_judge(embedder(profile))


def model_path(model: str, revision: str = "") -> Path:
    """The folder of a weight, a local folder or a Hub repository already downloaded; never goes online."""
    if model in {weight.name for weight in list_weights()}:
        return weight_path(model)
    if Path(model).is_dir():
        return Path(model).absolute()
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model, revision=revision or None, local_files_only=True))
    except (OSError, ValueError) as error:
        raise SetupError(f"model {model} is neither a folder nor downloaded: run `broll models fetch`") from error


def profile_weights(profile: Profile) -> tuple[str, ...]:
    """Names of the registry's weights that the profile uses."""
    known = {weight.name for weight in list_weights()}
    return tuple(name for field in MODEL_FIELDS if (name := getattr(profile, field)) in known)


def fetch_profile(profile: Profile, report: Report = lambda text: None) -> None:
    """Everything that the profile needs into the cache; SetupError names the first model that cannot be had."""
    for name in profile_weights(profile):
        fetch_weight(name, report)
    for model, revision in hub_models(profile):
        report(f"{model}: fetching {revision or 'the newest revision'} from the Hub")
        _fetch_repository(model, revision)


def hub_models(profile: Profile) -> tuple[tuple[str, str], ...]:
    """(id, revision) of the profile's models that come from the Hub; revision "" is the newest."""
    named = [(getattr(profile, field), getattr(profile, at) if at else "") for field, at in MODEL_FIELDS.items()]
    known = {"", "embedded", *profile_weights(profile)}
    named = [(model, revision) for model, revision in named if model not in known and not is_endpoint(model)]
    return tuple((model, revision) for model, revision in named if not Path(model).is_dir())


def is_endpoint(model: str) -> bool:
    """Whether a model is named by the address of a server that answers for it."""
    return model.startswith(("http://", "https://"))


def _fetch_repository(model: str, revision: str) -> None:
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(model, revision=revision or None, allow_patterns=HUB_FILES)
    except (OSError, ValueError, RuntimeError) as error:
        raise SetupError(f"model {model} cannot be fetched: {str(error).splitlines()[0]}") from error
