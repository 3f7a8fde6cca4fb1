"""A vision-language model answers a question about pictures: any transformers image-text-to-text model.

Processors of several families (SmolVLM, Qwen-VL, InternVL) list a *video* processor, which needs torchvision.
Only still frames are asked about here, so without torchvision the processor is put together from its tokenizer
and its PIL image processor, and the video part is left empty.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models import meter
from models.errors import SetupError
from models.language import fast_dtype

See = Callable[[Sequence[np.ndarray], str, int], str]


def load_seer(model_id_or_folder: str | Path, revision: str | None = None, device: str | None = None) -> See:
    """Load a Hub model or a local folder once.

    Returns `ask(images, question, max_new_tokens) -> answer`: images (H, W, 3) uint8 RGB, none to a few of them,
    all in one question; the answer is greedy, hence deterministic on one machine.
    Raises SetupError with the reason when the model cannot be loaded.
    """
    import torch

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        processor = load_processor(str(model_id_or_folder), revision or None)
        model = _load_model(str(model_id_or_folder), revision or None).to(device).eval()
    except (OSError, ValueError, ImportError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SetupError(
            f"the vision model {model_id_or_folder} cannot be loaded ({reason}): "
            "give a folder or a Hub id of an image-text-to-text model, or a profile without one"
        ) from error

    meter.DEVICES["describe"].add(device)

    def ask(images: Sequence[np.ndarray], question: str, max_new_tokens: int = 256) -> str:
        return _answer(model, processor, list(images), question, max_new_tokens)

    return ask


def load_processor(model_id: str, revision: str | None):
    """The model's processor; without torchvision built from its parts where it lists a video processor."""
    from transformers import AutoProcessor
    from transformers.utils import is_torchvision_available

    try:
        return AutoProcessor.from_pretrained(model_id, revision=revision)
    except (ImportError, ValueError, TypeError):
        if is_torchvision_available():  # then the missing video part is not the reason
            raise
    return _build_processor(model_id, revision)


def _build_processor(model_id: str, revision: str | None):
    from transformers import AutoConfig, AutoImageProcessor, AutoTokenizer
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    config = AutoConfig.from_pretrained(model_id, revision=revision)
    if type(config) not in PROCESSOR_MAPPING:
        raise ValueError(f"no processor is known for models of type {config.model_type!r}")

    family: Any = PROCESSOR_MAPPING[type(config)]

    class StillsProcessor(family):
        """The family's own processor, content without its video part."""

        def check_argument_for_proper_class(self, argument_name, argument):
            return None if argument is None else super().check_argument_for_proper_class(argument_name, argument)

    loaders = {"tokenizer": AutoTokenizer, "image_processor": AutoImageProcessor}
    parts = [
        loaders[name].from_pretrained(model_id, revision=revision) if name in loaders else None
        for name in StillsProcessor.get_attributes()
    ]
    settings, _ = StillsProcessor.get_processor_dict(model_id, revision=revision)
    return StillsProcessor.from_args_and_dict(parts, settings)


def _load_model(model_id: str, revision: str | None):
    from transformers import AutoModelForImageTextToText
    from transformers.utils import logging

    logging.disable_progress_bar()
    # Weights in pickled files can run code when they are read: safetensors only.
    return AutoModelForImageTextToText.from_pretrained(
        model_id, revision=revision, dtype=fast_dtype(), use_safetensors=True
    )


def _answer(model, processor, images: list[np.ndarray], question: str, max_new_tokens: int) -> str:
    import torch
    from PIL import Image

    content = [*({"type": "image"} for _ in images), {"type": "text", "text": question}]
    template = getattr(processor, "chat_template", None) or processor.tokenizer.chat_template
    # The tokenizer renders the template: processors of some families reach for their video part here.
    text = processor.tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], chat_template=template, tokenize=False, add_generation_prompt=True
    )
    pictures = [Image.fromarray(image) for image in images] or None
    inputs = processor(images=pictures, text=[text], return_tensors="pt").to(model.device, dtype=model.dtype)
    with torch.inference_mode():
        output = model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False)
    read = inputs["input_ids"].shape[1]
    meter.count_tokens("vision", read, output.shape[1] - read)
    return processor.tokenizer.decode(output[0, read:], skip_special_tokens=True).strip()
