"""Sentence vectors: a BERT encoder, its token vectors averaged and scaled to unit length.

The usual use of MiniLM-style encoders (Reimers & Gurevych, Sentence-BERT, 2019, section 3: mean pooling),
written on plain transformers so that one library fewer has to be installed.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from models.errors import SetupError

Embed = Callable[[Sequence[str]], np.ndarray]

#: MiniLM was trained on 128 tokens and its card says that 256 is the limit of what it understands.
MAX_TOKENS = 256
#: From so many texts on a list is one of ours (concepts, metaphors), the same in every run: worth keeping on disk.
KEPT_FROM = 200
#: Texts in one pass; sorted by length first, so that little of a batch is padding.
BATCH_SIZE = 32


def load_embedder(folder: Path | str) -> Embed:
    """Load the encoder in `folder` (transformers layout, safetensors) once.

    Returns `embed(texts) -> (n, 384) float32`, each row of unit length; an empty list gives (0, 384).
    A text's vector does not depend on the other texts beyond rounding. float32 on purpose: on 2 cores it
    costs milliseconds a sentence, and thresholds stay the same on every processor.
    Raises SetupError when the folder holds no such model.
    """
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise SetupError(f"{folder} holds no sentence model (no config.json): run `broll models fetch embedded`")
    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype="float32", use_safetensors=True).eval()

    def embed(texts: Sequence[str]) -> np.ndarray:
        return embed_texts(model, tokenizer, list(texts))

    return embed


def keep_vectors(embed: Embed, folder: Path, model: str) -> Embed:
    """`embed` with the vectors of long lists kept in `folder`, for `model`, a text that names the weights.

    A file that is damaged or cannot be written costs time, never a result.
    """

    def kept(texts: Sequence[str]) -> np.ndarray:
        texts = list(texts)
        if len(texts) < KEPT_FROM:
            return embed(texts)
        path = folder / f"{hashlib.sha256(repr((model, texts)).encode()).hexdigest()[:32]}.npy"
        known = _load_vectors(path, len(texts))
        if known is None:
            known = embed(texts)
            _save_vectors(path, known)
        return known

    return kept


def _load_vectors(path: Path, count: int) -> np.ndarray | None:
    try:
        vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    whole = vectors.ndim == 2 and len(vectors) == count and vectors.dtype == np.float32
    return vectors if whole and np.isfinite(vectors).all() else None


def _save_vectors(path: Path, vectors: np.ndarray) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            np.save(part, vectors, allow_pickle=False)
        os.replace(part.name, path)
    except OSError:  # a full or read-only cache
        return


def embed_texts(model, tokenizer, texts: list[str]) -> np.ndarray:
    vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    for start in range(0, len(by_length), BATCH_SIZE):
        chosen = by_length[start : start + BATCH_SIZE]
        vectors[chosen] = _embed_batch(model, tokenizer, [texts[index] for index in chosen])
    return vectors


def _embed_batch(model, tokenizer, texts: list[str]) -> np.ndarray:
    import torch

    inputs = tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**inputs).last_hidden_state  # (B, T, C)
        mask = inputs["attention_mask"].unsqueeze(-1).to(hidden.dtype)  # (B, T, 1)
        mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)  # (B, C)
        return torch.nn.functional.normalize(mean, dim=-1).numpy()
