"""A vision-language model behind a server that speaks OpenAI's chat protocol: vLLM, Ollama, llama.cpp and others.

Named in a profile as `vision = "http://127.0.0.1:11434/v1#MODEL"`. Only then do frames and captions leave this
process, and they go to that address alone: redirections are refused.
"""

import base64
import io
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from models.errors import InputError, SetupError

See = Callable[[Sequence[np.ndarray], str, int], str]

TIMEOUT = 180.0  # s for an answer: a large model on a busy server
ATTEMPTS = 3  # of one request, where the server is busy or stumbles
PAUSE = 1.0  # s before the second attempt, twice that before the third
MOST_BYTES = 1 << 20  # of an answer
BUSY = (408, 429, 500, 502, 503, 504)  # status codes that another attempt may change
LONGEST_SIDE = 1024  # px of a picture that is sent: what such models look at


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: what is sent is meant for one address."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def open_endpoint(address: str, pause: float = PAUSE, timeout: float = TIMEOUT) -> See:
    """`ask(images, question, max_new_tokens) -> answer` by the server at `address`, "http://host:port/v1#MODEL".

    InputError where the address is none; asking raises SetupError with the server's own words where it gives no answer.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.fragment:
        raise InputError(f"vision is {address!r}: write http://HOST:PORT/v1#MODEL")
    url = urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/chat/completions", parts.query, ""))

    def ask(images: Sequence[np.ndarray], question: str, max_new_tokens: int = 256) -> str:
        request = _make_request(url, parts.fragment, images, question, max_new_tokens)
        return _read_answer(_send(request, pause, timeout), url)

    return ask


def _make_request(
    url: str, model: str, images: Sequence[np.ndarray], question: str, max_new_tokens: int
) -> urllib.request.Request:
    pictures = [{"type": "image_url", "image_url": {"url": _encode(image)}} for image in images]
    body = {
        "model": model,
        "messages": [{"role": "user", "content": [*pictures, {"type": "text", "text": question}]}],
        "max_tokens": max_new_tokens,
        "temperature": 0,
        "seed": 0,
    }
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("BROLL_API_KEY", ""):
        headers["Authorization"] = f"Bearer {key}"
    return urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")


def _encode(image: np.ndarray) -> str:
    """(H, W, 3) uint8 RGB as the data URL of a JPEG."""
    from PIL import Image

    picture, buffer = Image.fromarray(image), io.BytesIO()
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    picture.save(buffer, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _send(request: urllib.request.Request, pause: float, timeout: float) -> bytes:
    opener = urllib.request.build_opener(_Stay)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with opener.open(request, timeout=timeout) as answer:
                return answer.read(MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            if error.code not in BUSY or attempt == ATTEMPTS:
                said = " ".join(error.read(300).decode("utf-8", "replace").split())
                raise SetupError(f"{request.full_url} answered {error.code} {error.reason}: {said}") from None
        except OSError as error:
            if attempt == ATTEMPTS:
                reason = getattr(error, "reason", error)
                raise SetupError(f"{request.full_url} gives no answer ({reason}): is the server running?") from None
        time.sleep(pause * attempt)
    raise AssertionError("the last attempt returns or raises")


def _read_answer(body: bytes, url: str) -> str:
    try:
        content = json.loads(body)["choices"][0]["message"]["content"] if len(body) <= MOST_BYTES else None
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        content = None
    if not isinstance(content, str):
        raise SetupError(f"{url} does not speak the chat protocol: it answered {body[:80]!r}")
    return content.strip()
