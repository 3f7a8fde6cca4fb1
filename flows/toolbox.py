"""The models of a profile as the callables that tasks take, and what identifies each of them."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from pathlib import Path
from typing import Any

from models import registry
from models.profiles import EMBEDDED, Profile
from models.weights import cache_folder
from tasks.desk import Toolbox

MODELS = Path(registry.__file__).parent
#: Those of the repository, and those made on this machine.
CALIBRATIONS = (MODELS / "diffusion" / "calibrations", cache_folder() / "calibrations")
_given: ContextVar[Toolbox | None] = ContextVar("toolbox", default=None)


def open_toolbox(profile: Profile) -> Toolbox:
    """The tools of the profile, nothing of them loaded yet; those given by `use_toolbox` go before."""
    given = _given.get()
    if given is not None:
        return given
    return Toolbox(
        transcribe=partial(registry.transcriber, profile),
        embed=partial(registry.embedder, profile),
        describe=partial(_describe_tools, profile),
        vocabulary=partial(_vocabulary, profile),
        draw=partial(registry.drawer, profile),
        judge=partial(registry.judge, profile),
        names=name_models(profile),
        read_text=partial(registry.text_reader, profile),
    )


@contextmanager
def use_toolbox(toolbox: Toolbox) -> Iterator[None]:
    """Runs within it use these tools whatever the profile says: the seam where a test puts its own."""
    token = _given.set(toolbox)
    try:
        yield
    finally:
        _given.reset(token)


def name_models(profile: Profile) -> dict[str, str]:
    """Role -> a text that changes when what the model does may change. Reads our own weights, loads nothing."""
    own = folder_digest(MODELS / "illustrator" / "weights")[:16]
    drawing = f"{EMBEDDED} {own}" if profile.drawing == EMBEDDED else f"{profile.drawing}@{profile.revision}"
    return {
        "speech": profile.speech,
        "language": profile.language,
        "sentences": profile.sentences,
        "vision": f"{profile.vision}@{profile.vision_revision}" if profile.vision else "",
        "ocr": profile.ocr,
        "vocabulary": own if profile.drawing == EMBEDDED else "",
        "drawing": f"{drawing} {profile.scheduler} {profile.dtype}",
        "sampler": profile.scheduler,
        "judge": own,
        "calibrations": "".join(folder_digest(folder)[:16] for folder in CALIBRATIONS),
    }


@cache
def folder_digest(folder: Path) -> str:
    """sha256 over the names and bytes of a folder's files, what is written about them left out."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md"):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def _describe_tools(profile: Profile) -> Any:
    from models.illustrator.vocabulary import load_vocabulary
    from tasks.describe import DescribeTools
    from tasks.metaphors import load_ideas

    drawable = load_vocabulary()  # concrete things, which suit any drawing model
    return DescribeTools(
        embed=registry.embedder(profile),
        concepts=drawable.names,
        synonyms=drawable.synonyms,
        ideas=load_ideas(),
        language=registry.language(profile),
        read_text=registry.text_reader(profile),
        see=registry.seer(profile),
    )


@cache
def _vocabulary(profile: Profile) -> Any:
    """What the drawing model can draw; None where it can draw anything."""
    if profile.drawing != EMBEDDED:
        return None
    from models.illustrator.vocabulary import load_vocabulary

    return load_vocabulary()
