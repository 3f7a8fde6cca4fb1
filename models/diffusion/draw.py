"""Drawing one picture: the profile's pipeline, sampled with the correction, at the size that was asked for."""

import copy
import hashlib
import inspect
import logging
import platform
from collections.abc import Sequence
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from models.diffusion.coefficients import Correction, Table, find_calibration, parse_correction
from models.diffusion.guides import derive_pipeline, mixed_noise
from models.diffusion.loading import Loaded, digest_config, load, make_scheduler
from models.diffusion.request import DrawRequest
from models.diffusion.schedulers import Observer, check_watched, enable, watch
from models.errors import BrollError, InputError, SceneError
from models.images import cover, keep_outside, place_native, read_image, read_mask
from models.profiles import EMBEDDED, Profile
from models.prompt import format_full
from models.weights import cache_folder

CALIBRATIONS = Path(__file__).with_name("calibrations")

#: Latents of 8 px and patches of 2 latents: what every pipeline family can draw at; what is too much is cropped.
SIZE_STEP = 16

SKETCH_SIZE = (128, 72)  # px, width and height: the embedded model's coarse colour layout

logger = logging.getLogger(__name__)


def load_drawer(profile: Profile) -> "Drawer":
    """The profile's drawing model, loaded; SetupError where it is missing, InputError for an unfit scheduler."""
    return Drawer(profile, load(profile))


class Drawer:
    """Draws one picture per call; equal requests give identical pixels on one machine.

    `identity` (hex) stands for everything but the request that the pixels depend on.
    """

    def __init__(self, profile: Profile, loaded: Loaded) -> None:
        self.profile = profile
        self.loaded = loaded
        self._noted: set[str] = set()
        self._derived: dict[bool, Any] = {}  # with a mask or without -> the pipeline that starts from a picture

    @cached_property
    def identity(self) -> str:
        """sha256 over weights, scheduler, dtype, device and library versions, hex."""
        libraries = [f"{name} {version(name)}" for name in ("torch", "diffusers", "transformers")]
        loaded = self.loaded
        model = [loaded.weights, loaded.files, digest_config(loaded.pipe.scheduler)]
        parts = [*model, loaded.dtype, loaded.device, *libraries]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def facts(self) -> dict[str, str]:
        """What pixels depend on beside the request, in words: equal facts on one machine give equal pixels."""
        loaded = self.loaded
        return {
            "model": self.identity,
            "weights": loaded.weights,
            "sampler": type(loaded.pipe.scheduler).__name__,
            "dtype": loaded.dtype,
            "device": torch.cuda.get_device_name() if loaded.device == "cuda" else loaded.device,
            "processor": processor_name(),
            "libraries": ", ".join(f"{name} {version(name)}" for name in ("torch", "diffusers", "transformers")),
        }

    def __call__(self, request: DrawRequest) -> np.ndarray:
        """The picture, (height, width, 3) uint8 RGB.

        InputError for a request that cannot be drawn; SceneError where the model gives NaN or Inf (naming step and
        scheduler), its own filter refuses the picture, or it fails.
        """
        _check_request(request)
        correction = self.correction(request)
        pipe = self._pipeline(request)
        template = self.loaded.pipe.scheduler
        # A fresh scheduler for each picture: an interrupted one would leave its solver's memory behind.
        pipe.scheduler = make_scheduler("", template)
        try:
            watch(pipe) if correction is None else enable(pipe, correction)
            with mixed_noise(pipe, request.other_seed, request.amount):
                image = self._draw(pipe, request)
            check_watched(pipe.scheduler)
        finally:
            pipe.scheduler = template
        return self._finish(image, request)

    def correction(self, request: DrawRequest) -> Correction | None:
        """What the request's `correction` means for this model; None is off. InputError where it cannot be used."""
        if request.correction.strip() != "auto":
            given = parse_correction(request.correction)
            if isinstance(given, Table):
                _check_key(given, self.calibration_key(request))
            return given
        table = find_calibration((own_calibrations(), CALIBRATIONS), self.calibration_key(request))
        if table is None:
            self._note(
                f"correction auto is off: {self.profile.name} has no calibration for {request.steps} steps at "
                f"guidance {request.guidance:g}"
            )
        elif table.reason:
            self._note(f"correction auto is off: its calibration found that it does not help here ({table.reason})")
            return None
        return table

    def sample(
        self,
        requests: Sequence[DrawRequest],
        correction: Correction | None = None,
        observe: Observer | None = None,
        scheduler: str = "",
    ) -> torch.Tensor:
        """Final latents (B, ...) of requests of equal steps and guidance, each from its own seed, in one pass.

        For measuring: the pipeline's own loop, on a copy of it, so that several threads may sample at once. The
        embedded model takes any number of requests, others take one. scheduler: another than the profile's.
        """
        pipe = copy.copy(self.loaded.pipe)
        pipe.scheduler = make_scheduler(scheduler, pipe.scheduler)
        if correction is None and observe is None:
            watch(pipe)
        else:
            enable(pipe, correction or "off", observe=observe)
        options = {"num_inference_steps": requests[0].steps, "output_type": "latent", "return_dict": False}
        latents = pipe(**options, **self._batch_options(pipe, requests))[0]
        check_watched(pipe.scheduler)
        return latents

    def calibration_key(self, request: DrawRequest) -> dict[str, str]:
        """What a calibration must have been measured on to serve this request; all of it, exactly."""
        width, height = self.drawn_size(request)
        return {
            "weights": self.loaded.weights,
            "scheduler": digest_config(self.loaded.pipe.scheduler),
            "dtype": self.loaded.dtype,
            "steps": str(request.steps),
            "guidance": f"{request.guidance:g}",
            "size": f"{width}x{height}",
        }

    def drawn_size(self, request: DrawRequest) -> tuple[int, int]:
        """(width, height) px that the model draws: its native area, in the aspect of the request."""
        native = (self.profile.width, self.profile.height)
        if self.profile.drawing == EMBEDDED:
            return native
        scale = (native[0] * native[1] / (request.width * request.height)) ** 0.5
        return tuple(max(1, round(side * scale / SIZE_STEP)) * SIZE_STEP for side in (request.width, request.height))

    def _note(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            logger.warning(text)

    def sketch(self, request: DrawRequest) -> np.ndarray | None:
        """(72, 128, 3) uint8: the colour layout that guides the embedded model's picture; None for other models.

        The one given; else, where a picture is started from, its own; else the composer's for prompt and seed. Under a
        mask, the picture's own outside of it.
        """
        if self.profile.drawing != EMBEDDED:
            return None
        if request.image and not request.sketch and not request.mask:
            return self._cells(read_image(request.image), request)
        if request.sketch:
            layout = np.array(read_image(request.sketch, "sketch").resize(SKETCH_SIZE, Image.Resampling.BOX))
        else:
            from models.illustrator.sketch import compose_sketch

            layout = compose_sketch(request.prompt, request.seed, self._embed)
        if not (request.mask and request.image):
            return layout
        region = self._cells(read_mask(request.mask).convert("RGB"), request) / 255
        return np.rint(region * layout + (1 - region) * self._cells(read_image(request.image), request)).astype(
            np.uint8
        )

    def _cells(self, image: Image.Image, request: DrawRequest) -> np.ndarray:
        """(72, 128, 3) uint8: a picture's mean colours, cell by cell."""
        native = place_native(image, (request.width, request.height), self.drawn_size(request))
        return np.array(Image.fromarray(native).resize(SKETCH_SIZE, Image.Resampling.BILINEAR))

    def _pipeline(self, request: DrawRequest) -> Any:
        """The pipeline that serves the request; one that starts from a picture shares the models of the loaded one."""
        if self.profile.drawing == EMBEDDED or not (request.image or request.sketch):
            return self.loaded.pipe
        masked = bool(request.mask)
        if masked not in self._derived:
            self._derived[masked] = derive_pipeline(self.loaded.pipe, masked)
        return self._derived[masked]

    def _draw(self, pipe: Any, request: DrawRequest) -> np.ndarray:
        """The model's own picture, (h, w, 3) float in 0..1."""
        options = self._embedded_options(request) if self.profile.drawing == EMBEDDED else self._options(pipe, request)
        try:
            output = pipe(num_inference_steps=request.steps, output_type="np", **options)
        except BrollError:
            raise
        except (RuntimeError, ValueError, TypeError) as error:  # out of memory, a size or step count it cannot do
            reason = " ".join(str(error).split())[:200]
            raise SceneError(f"{self.profile.drawing} could not draw {request.prompt.subject!r}: {reason}") from error
        if not hasattr(output, "images"):
            raise InputError(f"{type(pipe).__name__} does not draw single images: choose a text-to-image model")
        if any(getattr(output, "nsfw_content_detected", None) or ()):
            raise SceneError(f"{self.profile.drawing} withheld its picture of {request.prompt.subject!r} as unsafe")
        return np.asarray(output.images[0], dtype=np.float32)

    def _embedded_options(self, request: DrawRequest) -> dict[str, Any]:
        sketch = self.sketch(request)
        assert sketch is not None  # it is the embedded model
        options = {
            "prompt": [_prompt_text(request)],
            "sketch": sketch[None],  # (1, 36, 64, 3)
            "sketch_strength": request.hold,
            "guidance_scale": request.guidance,
            "generator": [_generator(request.seed)],
        }
        if request.image:
            sizes = (request.width, request.height), self.drawn_size(request)
            options |= {"image": place_native(read_image(request.image), *sizes), "strength": request.strength}
            if request.mask:
                options["mask"] = place_native(read_mask(request.mask), *sizes).astype(np.float32) / 255
        return options

    def _batch_options(self, pipe: Any, requests: Sequence[DrawRequest]) -> dict[str, Any]:
        """What the pipeline is called with for several requests at once."""
        if self.profile.drawing != EMBEDDED:
            [request] = requests
            return self._options(pipe, request)
        each = [self._embedded_options(request) for request in requests]
        together = {name: [one[name][0] for one in each] for name in ("prompt", "generator")}
        return each[0] | together | {"sketch": np.concatenate([one["sketch"] for one in each])}

    def _embed(self, phrases: Sequence[str]) -> np.ndarray:
        """(n, 384): sentence vectors of the embedded pipeline's own encoder, for words that its vocabulary lacks."""
        from models.sentences import embed_texts

        return embed_texts(self.loaded.pipe.text_encoder, self.loaded.pipe.tokenizer, list(phrases))

    def _options(self, pipe: Any, request: DrawRequest) -> dict[str, Any]:
        """What this pipeline's call accepts of the request."""
        accepted = inspect.signature(pipe.__call__).parameters
        if "prompt" not in accepted:
            raise InputError(f"{self.profile.drawing} draws without words: choose a text-to-image model")
        width, height = self.drawn_size(request)
        given: dict[str, Any] = {
            "prompt": _prompt_text(request),
            "negative_prompt": request.prompt.negative or None,
            "width": width,
            "height": height,
            "guidance_scale": request.guidance,
            "generator": _generator(request.seed),
        }
        if request.image or request.sketch:  # a model without sketches of its own paints over one
            start = read_image(request.image or request.sketch, "picture" if request.image else "sketch")
            given |= {"image": cover(start, width, height), "strength": request.strength}
        if request.mask:
            given["mask_image"] = cover(read_mask(request.mask), width, height)
        if "qwenimage" in type(pipe).__module__:  # its guidance_scale is for distilled models only
            given |= {"true_cfg_scale": given.pop("guidance_scale"), "negative_prompt": request.prompt.negative or " "}
        return {name: value for name, value in given.items() if name in accepted}

    def _finish(self, image: np.ndarray, request: DrawRequest) -> np.ndarray:
        """Checked, in whole numbers, at the size that was asked for."""
        if not np.isfinite(image).all():
            raise SceneError(
                f"the decoder of {self.profile.drawing} gave NaN or Inf after {request.steps} steps with "
                f"{type(self.loaded.pipe.scheduler).__name__}: try dtype float32"
            )
        pixels = np.rint(image.clip(0, 1) * 255).astype(np.uint8)
        if self.profile.drawing == EMBEDDED:
            from models.illustrator.upscale import enlarge, upscale

            larger = partial(enlarge, dtype=getattr(torch, self.loaded.dtype))
            pixels = upscale(pixels, request.width, request.height, larger)
        pixels = np.array(cover(Image.fromarray(pixels), request.width, request.height))
        if request.mask and request.image:
            return keep_outside(pixels, read_image(request.image), read_mask(request.mask))
        return pixels


def own_calibrations() -> Path:
    """The folder of the calibrations made on this machine."""
    return cache_folder() / "calibrations"


def _check_key(table: Table, wanted: dict[str, str]) -> None:
    """InputError where a table that was named was measured on something else; one without a key is taken as it is."""
    known = dict(table.key)
    if other := [name for name in wanted if known and known.get(name) != wanted[name]]:
        raise InputError(
            f"calibration {table.name} was measured with other {' and '.join(other)} than this run's: "
            "calibrate for these settings, or use --correction auto or off"
        )


def processor_name() -> str:
    """The processor as the system names it: kernels, and so the last bits of a picture, are chosen by it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _check_request(request: DrawRequest) -> None:
    checks = {
        "seed": (0 <= request.seed < 2**63, "0 to 2^63 - 1"),
        "steps": (1 <= request.steps <= 1000, "1 to 1000"),
        "width": (16 <= request.width <= 8192, "16 to 8192 px"),
        "height": (16 <= request.height <= 8192, "16 to 8192 px"),
        "guidance": (0 <= request.guidance <= 100, "0 to 100"),
        "hold": (0 <= request.hold <= 1, "0 to 1"),
        "strength": (0 < request.strength <= 1, "more than 0, up to 1"),
        "other_seed": (0 <= request.other_seed < 2**63, "0 to 2^63 - 1"),
        "amount": (0 <= request.amount <= 1, "0 to 1"),
        "mask": (not request.mask or bool(request.image), "a picture with it, the one that it lies over"),
    }
    for name, (fits, allowed) in checks.items():
        if not fits:
            raise InputError(f"{name} {getattr(request, name)!r} of a picture: give {allowed}")


def _prompt_text(request: DrawRequest) -> str:
    return request.prompt.full or format_full(request.prompt)


def _generator(seed: int) -> torch.Generator:
    """On the CPU whatever the device, so that a seed means the same noise everywhere."""
    return torch.Generator("cpu").manual_seed(seed)
