"""The drawings that the illustrator learns from: fetched, filtered, named, and packed into one file.

    python -m models.illustrator.data [--out FILE]

fetches the icon sets with the npm client (all of clean licences), keeps the drawings of concrete things,
and writes one zip: `manifest.json` and the SVG of each drawing. The same run writes what ships with the
weights: `vocabulary.json` (the concepts), `sketchbook.png` (a 32-pixel thumbnail of each, from which the
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
from models.illustrator.vocabulary import WEIGHTS
from models.weights import cache_folder

THUMBNAIL = 32  # px; a close-up's subject covers about 18 of a sketch's cells, so 32 loses nothing


@dataclass(frozen=True)
class Source:
    """An icon set as the npm registry carries it."""

    package: str
    version: str
    licence: str
    author: str
    look: str  # "flat" | "gradient": which style of the prompt its drawings show


SOURCES = (
    Source("@iconify-json/fluent-emoji-flat", "1.2.6", "MIT", "Microsoft Corporation", "flat"),
    Source("@iconify-json/fluent-emoji", "1.2.7", "MIT", "Microsoft Corporation", "gradient"),
    Source("@iconify-json/noto", "1.2.9", "Apache-2.0", "Google Inc.", "gradient"),
    Source("@iconify-json/twemoji", "1.2.5", "CC-BY-4.0", "Twitter, Inc. and contributors", "flat"),
    Source("@iconify-json/flat-color-icons", "1.2.3", "MIT", "Icons8", "flat"),
)
KEYWORDS = ("emojilib", "4.0.3")  # MIT: synonyms keyed by emoji

#: Categories whose members are concrete things; the other categories give only the names listed in EXTRA.
CATEGORIES = ("Activities", "Animals & Nature", "Food & Drink", "Objects", "Travel & Places")
EXTRA = (
    "robot ghost skull alien brain eye ear nose tooth bone lungs anatomical-heart footprints handshake red-heart "
    "broken-heart thought-balloon speech-balloon bomb collision dashing-away clapping-hands "
    "folded-hands flexed-biceps waving-hand thumbs-up busts-in-silhouette family baby child person teacher scientist "
    "health-worker farmer cook mechanic factory-worker office-worker artist astronaut firefighter judge student "
    "technologist singer pilot detective guard construction-worker ninja superhero mage merperson zombie "
    "person-running person-walking person-biking person-swimming person-surfing person-climbing "
    "person-in-lotus-position person-juggling recycling-symbol warning atom-symbol"
).split()
FLAT_COLOR = (
    "binoculars calculator circuit dam database diploma-1 electrical-sensor flow-chart genealogy icons8-cup "
    "line-chart mind-map pie-chart podium-with-speaker process safe settings sim-card-chip survey todo-list "
    "tree-structure video-projector webcam workflow electronics engineering library"
).split()

#: Dropped: clock faces and moon phases that differ by a hand, lettering, flags, religion as decoration, weapons
#: and tobacco, and near-doubles of a concept that is kept under its plainer name.
DROPPED = re.compile(
    r"-oclock$|-thirty$|skin-tone|(light|medium|dark)-skin|-quarter-moon|gibbous|waning|new-moon|moon-face|"
    r"^(1st|2nd|3rd)-place|-suit$|globe-showing-(asia|europe)|globe-with-mer|japanese-(castle|post|dolls)|tokyo-tower|"
    r"map-of-japan|with-(raised|lowered)-flag|^oncoming-|-beer-mugs$|banknote$|with-yen|cigarette|coffin|dagger|"
    r"water-pistol|crossed-swords|love-hotel|^joker$|flower-playing|hanafuda|mahjong|red-envelope|tanabata|"
    r"moon-viewing|kaaba|shinto|hindu-temple|prayer-beads|hamsa|nazar|diya|funeral|ballot-box-with-ballot|"
    r"tear-off|pager|fax|bikini|briefs|swimsuit|sandal|ballet|womans-(hat|boot)|kimono|sari|geta|"
    r"(sun|cloud)-(behind|with-snow|with-rain|with-lightning$)|sun-with|night-with|bridge-at|at-dusk|sunrise$|"
    r"speaker-(low|medium)|muted|postal-horn|^(green|orange|blue)-book|closed-book|locked-with|inbox|outbox|"
    r"envelope-with|incoming|e-mail|mobile-phone-with|open-file|card-index-d|bookmark-tabs|page-with-curl|"
    r"front-facing|-arrival|-departure|tram-car|light-rail|metro|high-speed|monorail|minibus|mountain-railway|"
    r"suspension-railway|railway-car|umbrella-(on|with)|closed-umbrella|^(dog|cat|cow|horse|rabbit|mouse|tiger|pig|"
    r"monkey|dragon)$|guide-dog|service-dog|poodle|black-cat|blackbird|ewe$|ram$|rosette|white-flower|wilted|"
    r"sake|tangerine|roasted|oden|dango|mate$|moon-cake|fish-cake|tamale|stuffed|flatbread|rice-cracker|cut-of|"
    r"magnifying-glass-tilted-right|tilted-left-?$^|videocassette|trackball|long-drum|hook$|moai|barber|placard|"
    r"hot-springs|passenger-ship|without-snow|foggy|cyclone|fog$|bellhop|department-store|convenience|artic|"
    r"mountain-cableway|aerial|lacrosse|field-hockey|rugby|softball|nesting|carp|pine-dec|piata|level-slider|identification"
)
#: Plainer names for what the sets call otherwise.
RENAMED = {
    "dog face": "dog", "cat face": "cat", "cow face": "cow", "horse face": "horse", "rabbit face": "rabbit",
    "mouse face": "mouse", "tiger face": "tiger", "pig face": "pig", "monkey face": "monkey", "dragon face": "dragon",
    "honeybee": "bee", "automobile": "car", "magnifying glass tilted left": "magnifying glass",
    "deciduous tree": "tree", "evergreen tree": "pine tree", "red apple": "apple", "hot beverage": "cup of coffee",
    "globe showing americas": "globe", "anatomical heart": "human heart", "red heart": "heart",
    "hourglass done": "hourglass", "spouting whale": "whale", "lady beetle": "ladybug",
    "high voltage": "lightning bolt",
    "chart increasing": "rising chart", "chart decreasing": "falling chart", "desktop computer": "computer",
    "wrapped gift": "gift", "bullseye": "target", "mantelpiece clock": "clock", "sport utility vehicle": "jeep",
    "office building": "office tower", "performing arts": "theatre masks", "busts in silhouette": "crowd",
    "ringed planet": "planet", "water wave": "wave", "building construction": "construction site",
    "motorized wheelchair": "wheelchair", "front facing baby chick": "chick", "locked": "padlock",
    "cityscape": "city", "diploma 1": "diploma", "icons8 cup": "mug", "settings": "gears", "process": "cycle arrows",
    "sim card chip": "chip", "tree structure": "hierarchy", "genealogy": "family tree", "todo list": "checklist",
    "books": "stack of books", "fork and knife with plate": "plate with cutlery", "t rex": "dinosaur",
    "podium with speaker": "speaker at a podium", "ear of corn": "corn", "sheaf of rice": "wheat",
    "two hump camel": "bactrian camel", "manual wheelchair": "hand wheelchair", "classical building": "temple",
    "rescue workers helmet": "hard hat",
    "wastebasket": "waste bin", "couch and lamp": "sofa", "memo": "note and pencil",
    "person biking": "cyclist",
    "person running": "runner", "person swimming": "swimmer", "thought balloon": "thought bubble",
    "speech balloon": "speech bubble", "satellite antenna": "satellite dish",
}  # fmt: skip


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


def wanted_icons(root: Path, package: str, names: set[str] | None) -> list[str]:
    """Icon names worth drawing: `names` where given, else concrete categories less DROPPED, with EXTRA."""
    icons = json.loads((root / "icons.json").read_text())["icons"]
    if package.endswith("flat-color-icons"):
        return [name for name in FLAT_COLOR if name in icons]
    if names is not None:
        return sorted(names & set(icons))
    categories = json.loads((root / "metadata.json").read_text())["categories"]
    chosen = {name for category in CATEGORIES for name in categories.get(category, ()) if not DROPPED.search(name)}
    return sorted((chosen | set(EXTRA)) & set(icons))


def read_svgs(root: Path, names: list[str]) -> dict[str, str]:
    """SVG texts by icon name."""
    data = json.loads((root / "icons.json").read_text())
    svgs = {}
    for name in names:
        icon = data["icons"][name]
        left, top = icon.get("left", 0), icon.get("top", 0)
        width, height = (icon.get(key, data.get(key, 16)) for key in ("width", "height"))
        svgs[name] = (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{left} {top} {width} {height}">{icon["body"]}</svg>'
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


def collect(folder: Path) -> tuple[list[Drawing], dict[str, str], dict[str, list[str]]]:
    """All drawings, their SVG texts by zip member, and synonyms by concept."""
    roots = {source.package: unpack(source.package, source.version, folder) for source in SOURCES}
    first = roots[SOURCES[0].package]
    chosen = set(wanted_icons(first, SOURCES[0].package, None))
    drawings, texts = [], {}
    for source in SOURCES:
        root = roots[source.package]
        for icon, svg in read_svgs(root, wanted_icons(root, source.package, chosen)).items():
            if not is_drawable(svg):
                continue
            member = f"svg/{source.package.split('/')[-1]}/{icon}.svg"
            concept = concept_name(icon)
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
