"""What an editor may choose about the timelines; kept in the storyboard's settings, so that a rerun keeps to it."""

from dataclasses import dataclass

from models.errors import InputError

MEDIA = ("absolute", "relative")


@dataclass(frozen=True)
class Choices:
    """Defaults suit an editor on this machine; an older storyboard, which has none of them, gets these."""

    start: str = ""  # time code of the first frame as typed; "": the source's own, else 01:00:00:00
    drop: bool | None = None  # drop-frame labels; None: as the start or the source says, else not
    media: str = "absolute"  # absolute | relative (to the folder of the timelines)
    maps: tuple[str, ...] = ()  # "/mnt/show=/Volumes/Show": folders as another machine calls them
    runners_up: bool = False  # the second-best picture of each place on a track of its own, disabled
    bundle: bool | None = None  # the source inside the .otioz; None: where it is small enough


def check_choices(choices: Choices) -> None:
    """InputError where the choices exclude each other or mean nothing; what depends on the video comes later."""
    if choices.media not in MEDIA:
        raise InputError(f"media {choices.media!r} is unknown: allowed are {', '.join(MEDIA)}")
    if choices.maps and choices.media == "relative":
        raise InputError("--map changes absolute paths only: leave out --map, or say --media absolute")
    for text in choices.maps:
        parse_map(text)


def parse_map(text: str) -> tuple[str, str]:
    """(folder here, folder there) of "A=B", both absolute, forward slashes, none at the end."""
    here, equals, there = (part.strip() for part in text.partition("="))
    here, there = here.rstrip("/"), there.replace("\\", "/").rstrip("/")
    if not equals or not here.startswith("/") or not (there.startswith("/") or there[1:2] == ":"):
        raise InputError(f"--map {text!r} is not A=B with two absolute folders, such as /mnt/show=/Volumes/Show")
    return here, there
