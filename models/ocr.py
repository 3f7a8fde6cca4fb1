"""On-screen text: PP-OCR through rapidocr, with the networks that lie inside its package.

rapidocr fetches a network that is missing or altered; handing it explicit paths rules that out, so nothing
is downloaded at run time.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.errors import SetupError


@dataclass(frozen=True)
class TextLine:
    """One line of text in a picture; the box as fractions of its width and height, 0..1 from the top left."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    confidence: float  # 0..1, the recogniser's own


ReadText = Callable[[np.ndarray], tuple[TextLine, ...]]

#: The networks in the package's `models/` folder: (part, start of the file's name).
NETWORKS = (("Det", "PP-OCR*_det_"), ("Rec", "PP-OCR*_rec_"), ("Cls", "*_cls_"))
#: Slide titles are large: at 960 px on the long side they stay readable and a frame takes well under a second.
MAX_SIDE = 960


def load_text_reader(minimum_confidence: float = 0.6) -> ReadText:
    """Load the reader once.

    Returns `read_text(image) -> lines`, image (H, W, 3) uint8 RGB, lines in reading order; a picture without
    text gives (). Lines that the recogniser trusts less than `minimum_confidence` are left out.
    Raises SetupError when the package lacks its networks.
    """
    engine = _build_engine(minimum_confidence)

    def read_text(image: np.ndarray) -> tuple[TextLine, ...]:
        if image.ndim != 3 or min(image.shape[:2]) < 16:  # nothing legible fits into fewer pixels
            return ()
        result = engine(np.ascontiguousarray(image[..., ::-1]))  # the networks were trained on BGR
        if result.txts is None or result.boxes is None:
            return ()
        lines = (
            _to_line(text, np.asarray(box), score, image.shape)
            for text, box, score in zip(result.txts, result.boxes, result.scores, strict=True)
        )
        return tuple(sorted(lines, key=lambda line: (round(line.top, 2), line.left)))

    return read_text


def _build_engine(minimum_confidence: float):
    import rapidocr

    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    folder = Path(rapidocr.__file__).parent / "models"
    params = {
        "Global.log_level": "critical",
        "Global.text_score": minimum_confidence,
        "Global.use_cls": False,  # turns lines that stand on their head: a talk's slides do not
        "Global.max_side_len": MAX_SIDE,
        # By default a banner's short side is blown up to 736 px, whatever its long side becomes then.
        "Det.limit_type": "max",
        "Det.limit_side_len": MAX_SIDE,
        "EngineConfig.onnxruntime.intra_op_num_threads": 2,
    }
    for part, pattern in NETWORKS:
        params[f"{part}.model_path"] = str(_find_network(folder, pattern))
    return rapidocr.RapidOCR(params=params)


def _find_network(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(f"{pattern}*.onnx"))
    if not found:
        raise SetupError(f"rapidocr's folder {folder} lacks {pattern}*.onnx: reinstall rapidocr")
    return found[0]


def _to_line(text: str, box: np.ndarray, score: float, shape: tuple[int, ...]) -> TextLine:
    """`box` (4, 2): corners in pixels."""
    height, width = shape[:2]
    x = np.clip(box[:, 0] / width, 0.0, 1.0)
    y = np.clip(box[:, 1] / height, 0.0, 1.0)
    return TextLine(
        text=" ".join(text.split()),
        left=float(x.min()),
        top=float(y.min()),
        right=float(x.max()),
        bottom=float(y.max()),
        confidence=float(score),
    )
