"""The drawings that the illustrator learns from: fetched, filtered, named, and packed into one file.

    python -m models.illustrator.data [--out FILE]

fetches the icon sets with the npm client (all of clean licences), keeps the drawings of concrete things,
and writes one zip: `manifest.json` and the SVG of each drawing. The same run writes what ships with the
weights: `vocabulary.json` (the concepts), `sketchbook.png` (a 64-pixel thumbnail of each, from which the
composer lays out sketches) and `ATTRIBUTION.md`. Reproducible: versions are pinned, order is by name.
"""

import argparse
import io
import json
import re
import subprocess
import tarfile
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from models.errors import SetupError
from models.illustrator.selection import CATEGORIES, DROPPED, EXTRA, FEELINGS, FLAT_COLOR, KAMELEON, RENAMED, ULTIMATE
from models.illustrator.vocabulary import WEIGHTS
from models.weights import cache_folder

THUMBNAIL = 64  # px; a close-up's subject covers about 70 of a sketch's cells


@dataclass(frozen=True)
class Source:
    """An icon set as the npm registry carries it."""

    package: str
    version: str
    licence: str
    author: str
    look: str  # "flat" | "gradient": which style of the prompt its drawings show
    icons: dict[str, str] | None = None  # icon -> concept; None: the emoji that FIRST chooses, under its names


FIRST = "@iconify-json/fluent-emoji-flat"
SOURCES = (
    Source(FIRST, "1.2.6", "MIT", "Microsoft Corporation", "flat"),
    Source("@iconify-json/fluent-emoji", "1.2.7", "MIT", "Microsoft Corporation", "gradient"),
    Source("@iconify-json/noto", "1.2.9", "Apache-2.0", "Google Inc.", "gradient"),
    Source("@iconify-json/noto-v1", "1.2.5", "Apache-2.0", "Google Inc.", "flat"),
    Source("@iconify-json/twemoji", "1.2.5", "CC-BY-4.0", "Twitter, Inc. and contributors", "flat"),
    Source("@iconify-json/emojione", "1.2.3", "CC-BY-4.0", "Emoji One", "flat"),
    Source("@iconify-json/flat-color-icons", "1.2.3", "MIT", "Icons8", "flat", FLAT_COLOR),
    Source("@iconify-json/streamline-kameleon-color", "1.2.2", "CC-BY-4.0", "Streamline", "flat", KAMELEON),
    Source("@iconify-json/streamline-ultimate-color", "1.2.2", "CC-BY-4.0", "Streamline", "flat", ULTIMATE),
)
KEYWORDS = ("emojilib", "4.0.3")  # MIT: synonyms keyed by emoji
DISC = re.compile(r"^((?:<g[^>]*>)?)<(?:path|circle)[^>]*/>")  # what a Kameleon drawing lies on
ALIKE = 0.035  # mean difference of two thumbnails (0..1) below which they show the same


@dataclass(frozen=True)
class Drawing:
    """One rendering of one concept."""

    concept: str  # "light bulb"
    package: str
    icon: str  # its name in the package
    licence: str
    look: str  # "flat" | "gradient"
    file: str  # member of the zip
    held_out: bool  # kept from training, for the second judge


def unpack(package: str, version: str, folder: Path) -> Path:
    """Fetch one npm package into `folder` without running anything of it; returns its root."""
    command = ["npm", "pack", "--silent", f"{package}@{version}"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    except FileNotFoundError:
        raise SetupError("npm is needed to fetch the drawings: install Node.js, then run this again") from None
    if done.returncode:
        raise SetupError(f"npm could not fetch {package}@{version}: {done.stderr.strip()[-300:]}")
    root = folder / package.replace("/", "_")
    with tarfile.open(folder / done.stdout.strip().splitlines()[-1]) as archive:
        archive.extractall(root, filter="data")
    return root / "package"


def choose_emoji(root: Path) -> list[str]:
    """The emoji worth drawing: concrete categories less DROPPED, with EXTRA and FEELINGS."""
    icons = json.loads((root / "icons.json").read_text())["icons"]
    categories = json.loads((root / "metadata.json").read_text())["categories"]
    chosen = {name for category in CATEGORIES for name in categories.get(category, ()) if not DROPPED.search(name)}
    return sorted((chosen | set(EXTRA) | set(FEELINGS)) & set(icons))


def read_svgs(root: Path, names: list[str]) -> dict[str, str]:
    """SVG texts by icon name; names that the set lacks are passed over."""
    data = json.loads((root / "icons.json").read_text())
    on_disc = "kameleon" in data["prefix"]
    svgs = {}
    for name in filter(data["icons"].__contains__, names):
        icon = data["icons"][name]
        left, top = icon.get("left", 0), icon.get("top", 0)
        width, height = (icon.get(key, data.get(key, 16)) for key in ("width", "height"))
        body = DISC.sub(r"\1", icon["body"], count=1) if on_disc else icon["body"]
        if on_disc:  # the drawing fills the middle of its disc
            left, top, width, height = left + width * 0.14, top + height * 0.14, width * 0.72, height * 0.72
        svgs[name] = (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{left:g} {top:g} {width:g} {height:g}">{body}</svg>'
        )
    return svgs


def concept_name(icon: str) -> str:
    """ "light-bulb" -> "light bulb", with plainer names where the sets are formal."""
    name = icon.replace("-", " ")
    return RENAMED.get(name, name)


def read_synonyms(root: Path, chars: dict[str, str]) -> dict[str, list[str]]:
    """Keywords per icon name, from emojilib; `chars` maps code points ("1f680") to icon names."""
    words = json.loads((root / "dist" / "emoji-en-US.json").read_text())
    synonyms: dict[str, list[str]] = {}
    for emoji, keywords in words.items():
        points = "-".join(f"{ord(char):x}" for char in emoji if ord(char) != 0xFE0F)
        if points in chars:
            synonyms[chars[points]] = [word.replace("_", " ") for word in keywords]
    return synonyms


def render(svg: str, size: int) -> np.ndarray:
    """An SVG as straight-alpha RGBA, (size, size, 4) uint8."""
    import resvg_py

    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size))
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA").resize((size, size)))


def is_drawable(svg: str) -> bool:
    """False for empty and broken renders."""
    try:
        coverage = (render(svg, 48)[..., 3] > 128).mean()
    except Exception:
        return False
    return coverage > 0.05


def drop_doubles(names: list[str], svgs: dict[str, str]) -> list[str]:
    """`names` without those whose drawing looks like an earlier one's, or like its mirror image."""
    kept: list[str] = []
    seen = np.zeros((0, 16 * 16 * 4), np.float32)
    for name in names:
        thumbnail = render(svgs[name], 16).astype(np.float32) / 255
        thumbnail[..., :3] *= thumbnail[..., 3:]
        both = np.stack([thumbnail.ravel(), thumbnail[:, ::-1].ravel()])
        if len(seen) and np.abs(seen[:, None] - both).mean(-1).min() < ALIKE:
            continue
        kept.append(name)
        seen = np.concatenate((seen, both[:1]))
    return kept


def collect(folder: Path) -> tuple[list[Drawing], dict[str, str], dict[str, list[str]]]:
    """All drawings, their SVG texts by zip member, and synonyms by concept."""
    roots = {source.package: unpack(source.package, source.version, folder) for source in SOURCES}
    first = roots[FIRST]
    drawable = {name: svg for name, svg in read_svgs(first, choose_emoji(first)).items() if is_drawable(svg)}
    emoji = {name: concept_name(name) for name in drop_doubles(sorted(drawable), drawable)}
    drawings, texts = [], {}
    for source in SOURCES:
        named = emoji if source.icons is None else source.icons
        for icon, svg in read_svgs(roots[source.package], sorted(named)).items():
            if not is_drawable(svg):
                continue
            member = f"svg/{source.package.split('/')[-1]}/{icon}.svg"
            concept = named[icon]
            # A tenth of the concepts keep one rendering unseen, so that judges are tested on new drawings.
            held_out = source.package.endswith("twemoji") and sum(map(ord, concept)) % 10 == 0
            drawings.append(Drawing(concept, source.package, icon, source.licence, source.look, member, held_out))
            texts[member] = svg
    keywords = read_synonyms(unpack(*KEYWORDS, folder), json.loads((first / "chars.json").read_text()))
    synonyms = {concept_name(icon): words for icon, words in keywords.items()}
    return drawings, texts, synonyms


def write_zip(path: Path, drawings: list[Drawing], texts: dict[str, str]) -> None:
    """The training file; time stamps fixed so that the same drawings give the same bytes."""
    part = path.with_name(path.name + ".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in [("manifest.json", json.dumps([asdict(d) for d in drawings], indent=1)), *texts.items()]:
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
    part.replace(path)


def tidy_synonyms(name: str, words: list[str], taken: set[str]) -> list[str]:
    """At most six other words for a concept, none of which names another concept."""
    own = [word.lower().strip() for word in words]
    return [w for w in dict.fromkeys(own) if w != name and w not in taken and re.fullmatch(r"[a-z][a-z -]{2,24}", w)][
        :6
    ]


def write_vocabulary(folder: Path, drawings: list[Drawing], texts: dict[str, str], synonyms: dict) -> None:
    """vocabulary.json, sketchbook.png (one row of thumbnails per 32 concepts) and ATTRIBUTION.md."""
    first: dict[str, Drawing] = {}
    for drawing in drawings:
        first.setdefault(drawing.concept, drawing)
    names = sorted(first)
    entries = [{"name": n, "synonyms": tidy_synonyms(n, synonyms.get(n, []), set(names))} for n in names]
    (folder / "vocabulary.json").write_text(json.dumps({"concepts": entries}, indent=0) + "\n", encoding="utf-8")
    rows = -(-len(names) // 32)
    sheet = np.zeros((rows * THUMBNAIL, 32 * THUMBNAIL, 4), np.uint8)
    for index, name in enumerate(names):
        top, left = index // 32 * THUMBNAIL, index % 32 * THUMBNAIL
        sheet[top : top + THUMBNAIL, left : left + THUMBNAIL] = render(texts[first[name].file], THUMBNAIL)
    Image.fromarray(sheet).save(folder / "sketchbook.png", optimize=True)
    lines = ["# Drawings that the embedded illustrator was trained on", ""]
    lines += ["Made by `python -m models.illustrator.data` from its manifest.", ""]
    lines += ["| package | version | author | licence | drawings |", "|---|---|---|---|---|"]
    for s in SOURCES:
        count = sum(d.package == s.package for d in drawings)
        lines.append(f"| `{s.package}` | {s.version} | {s.author} | {s.licence} | {count} |")
    lines += ["", f"Synonyms: `{KEYWORDS[0]}` {KEYWORDS[1]} (MIT). Concepts: {len(names)}.", ""]
    (folder / "ATTRIBUTION.md").write_text("\n".join(lines), encoding="utf-8")


def main() -> None:
    """Build the data set."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, default=cache_folder() / "illustrator" / "drawings.zip")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="where the shipped files go")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.weights.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        drawings, texts, synonyms = collect(Path(folder))
    write_zip(options.out, drawings, texts)
    write_vocabulary(options.weights, drawings, texts, synonyms)
    print(f"{len(drawings)} drawings of {len({d.concept for d in drawings})} concepts in {options.out}")


if __name__ == "__main__":
    main()
