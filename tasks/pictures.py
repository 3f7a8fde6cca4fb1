"""Pictures on disk: PNG files that carry how they were made, readable without this program.

Three readers are served: text chunks (prompt, seed, model, ...) for image tools, an XMP packet with the IPTC
`DigitalSourceType` for anyone who labels generated media, and `digest` for a rerun that asks "is this the one?".
"""

import io
import re
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image, PngImagePlugin

from tasks.folder import write_whole

#: IPTC's term for media made by a trained model (Iptc4xmpExt:DigitalSourceType).
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP_KEY = "XML:com.adobe.xmp"
MANIFEST_KEY, MANIFEST_LENGTH = "manifest", 40_000  # JSON that makes the picture again; characters
NOTE_LENGTH = 4000  # characters of one note: a prompt is a few hundred; readers refuse megabytes
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">
<Iptc4xmpExt:DigitalSourceType>{source}</Iptc4xmpExt:DigitalSourceType>
<xmp:CreatorTool>{tool}</xmp:CreatorTool>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


def format_picture(pixels: np.ndarray, notes: dict[str, str]) -> bytes:
    """PNG bytes of (H, W, 3) uint8 sRGB `pixels`; the notes lie before the pixels, so that reading them is cheap.

    ValueError for another shape or dtype. The same input gives the same bytes.
    """
    return encode_png(pixels, notes, format_xmp(notes.get("prompt", ""), notes.get("software", "broll")))


def encode_png(pixels: np.ndarray, notes: dict[str, str] | None = None, xmp: str = "") -> bytes:
    """PNG bytes of (H, W, 3) uint8 sRGB `pixels` with text chunks and an XMP packet, where there are any."""
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"a picture is (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
    info = PngImagePlugin.PngInfo()
    info.add(b"sRGB", b"\x00")  # perceptual intent
    for key, text in (notes or {}).items():
        info.add_itxt(key, _clean(text, MANIFEST_LENGTH if key == MANIFEST_KEY else NOTE_LENGTH))
    if xmp:
        info.add_itxt(XMP_KEY, xmp)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=info, compress_level=6)
    return buffer.getvalue()


def write_picture(path: Path, pixels: np.ndarray, notes: dict[str, str]) -> Path:
    """Write a generated picture whole; see `format_picture`."""
    return write_whole(path, format_picture(pixels, notes))


def write_own(path: Path, pixels: np.ndarray, notes: dict[str, str]) -> Path:
    """Write a person's own picture whole: it bears no label of generated media."""
    return write_whole(path, encode_png(pixels, notes))


def read_picture(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB; OSError where the file is no picture."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def read_notes(path: Path) -> dict[str, str]:
    """The text chunks of a PNG, the XMP packet among them; {} where it is missing or unreadable."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return {str(key): str(text) for key, text in getattr(image, "text", {}).items()}
    except (OSError, ValueError, SyntaxError):
        return {}


def is_whole(path: Path, digest: str) -> bool:
    """True where the file is the finished picture of that digest: every chunk's checksum holds."""
    if read_notes(path).get("digest") != digest:
        return False
    try:
        with Image.open(path, formats=("PNG",)) as image:
            image.verify()
    except (OSError, ValueError, SyntaxError):
        return False
    return True


def format_xmp(text: str, tool: str) -> str:
    """The XMP packet of a generated picture described by `text`."""
    return _XMP.format(source=SOURCE_TYPE, tool=escape(_clean(tool)), text=escape(_clean(text)))


def _clean(text: str, length: int = NOTE_LENGTH) -> str:
    """Without characters that XML 1.0 forbids; bounded."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)[:length]
