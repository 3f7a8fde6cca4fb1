"""The embedded illustrator as a diffusers pipeline: words and, where there is one, a sketch -> a 320x180 picture.

It lives in pixel space: no autoencoder. Any flow-matching scheduler of diffusers drives it, and the correction treats
it like any other pipeline.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler, ImagePipelineOutput
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from models.illustrator.composer import sketch_of, soften
from models.illustrator.layout import parse_full, read_phrases
from models.illustrator.network import MIN_SIGMA, IllustratorTransformer
from models.illustrator.quantised import load_quantised
from models.illustrator.vocabulary import WEIGHTS
from models.sentences import embed_texts

#: Large, flat pictures want more steps at high noise (Esser et al. 2024, section 5.3.2); the training used the same.
SHIFT = 2.0
HELD_ROUNDS = 4  # of softening: what is finer than about three cells is not held to the sketch


def hold_colours(clean: torch.Tensor, sketch: torch.Tensor, strength: float) -> torch.Tensor:
    """What to add to a predicted clean picture (B, 3, 180, 320) so that its own sketch comes nearer the given one.

    The low-frequency replacement of ILVR (Choi et al. 2021, eq. 8); the low-pass filter is the sketch's, made coarser,
    so that colours are held and edges are left to the model.
    """
    missing = soften(F.avg_pool2d(sketch - sketch_of(clean), 2), HELD_ROUNDS)
    return strength * F.interpolate(missing, clean.shape[-2:], mode="bilinear")


class IllustratorPipeline(DiffusionPipeline):
    """Text and sketch to picture. Components: transformer, scheduler, text_encoder and tokenizer (sentence vectors)."""

    model_cpu_offload_seq = "text_encoder->transformer"

    def __init__(self, transformer, scheduler, text_encoder, tokenizer) -> None:
        super().__init__()
        self.register_modules(
            transformer=transformer, scheduler=scheduler, text_encoder=text_encoder, tokenizer=tokenizer
        )

    def encode_prompt(self, prompts: Sequence[str]) -> torch.Tensor:
        """(B, slots, 384): the sentence vector of each phrase, zeros where the prompt is silent."""
        phrases = [read_phrases(parse_full(text)) for text in prompts]
        distinct = sorted({phrase for row in phrases for phrase in row if phrase})
        vectors = embed_texts(self.text_encoder, self.tokenizer, distinct)
        rows = {"": np.zeros(self.transformer.config.text_dim, np.float32), **dict(zip(distinct, vectors, strict=True))}
        return torch.from_numpy(np.stack([[rows[phrase] for phrase in row] for row in phrases]))

    def prepare_sketch(self, sketch: np.ndarray | torch.Tensor | None, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """((B, 3, 72, 128) in -1..1, (B,) 1 where there is a sketch) from (B or 1, 72, 128, 3) uint8 or None."""
        config = self.transformer.config
        rows, columns = (side * config.fine // config.cell for side in (config.height, config.width))
        if sketch is None:
            return torch.zeros(batch, 3, rows, columns), torch.zeros(batch)
        cells = torch.as_tensor(np.asarray(sketch)).permute(0, 3, 1, 2).float() / 127.5 - 1
        if cells.shape[1:] != (3, rows, columns):
            raise ValueError(f"a sketch is (n, {rows}, {columns}, 3), not {tuple(np.shape(sketch))}")
        return cells.expand(batch, -1, -1, -1), torch.ones(batch)

    def prepare_timesteps(self, steps: int, strength: float, device: torch.device) -> torch.Tensor:
        """The last `strength` of the schedule, one step at least, with the scheduler told where it begins."""
        self.scheduler.set_timesteps(steps, device=device)
        first = (steps - min(steps, max(1, round(steps * strength)))) * self.scheduler.order
        if first:
            self.scheduler.set_begin_index(first)
        return self.scheduler.timesteps[first:]

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str],
        sketch: np.ndarray | torch.Tensor | None = None,
        num_inference_steps: int = 10,
        guidance_scale: float = 1.0,
        sketch_strength: float = 1.0,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: torch.Tensor | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: Callable | None = None,
        image: np.ndarray | None = None,
        strength: float = 1.0,
        mask: np.ndarray | None = None,
    ):
        """Draw one picture a prompt: `.images` as PIL, "np" (B, 180, 320, 3) in 0..1, or "latent" (B, 3, 180, 320).

        sketch_strength: how firmly the picture's coarse colours are held to the sketch's at every step, 0..1.
        image: (180, 320, 3) uint8, a picture to start from; only the last `strength` of the steps are taken over it.
        mask: (180, 320) in 0..1 over `image`: 1 is drawn anew, 0 follows the image at every step.
        """
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        device, dtype, config = self._execution_device, self.transformer.dtype, self.transformer.config
        phrases = self.encode_prompt(prompts).to(device, dtype)
        wanted = self.prepare_sketch(sketch, len(prompts))[0].to(device) if sketch is not None else None
        cells, flag = (part.to(device, dtype) for part in self.prepare_sketch(sketch, len(prompts)))
        guided = guidance_scale > 1
        if guided:  # the wordless half first, as everywhere in diffusers; both halves see the sketch
            phrases = torch.cat((torch.zeros_like(phrases), phrases))
            cells, flag = torch.cat((cells, cells)), torch.cat((flag, flag))
        shape = (len(prompts), 3, config.height, config.width)
        # The state stays in float32: in bf16 the last steps would round away what they add.
        noise = randn_tensor(shape, generator, device, torch.float32) if latents is None else latents.to(device)
        timesteps = self.prepare_timesteps(num_inference_steps, strength if image is not None else 1.0, device)
        # The scheduler's own levels, for solvers round their timesteps to whole numbers; the last: a clean picture.
        levels = self.scheduler.sigmas[-len(timesteps) - 1 :].tolist()
        known = None if image is None else torch.from_numpy(image).permute(2, 0, 1).float().to(device) / 127.5 - 1
        x = noise if known is None else torch.lerp(known.expand(shape), noise, levels[0])
        region = None if mask is None else torch.from_numpy(mask).float().to(device)
        for number, t in enumerate(self.progress_bar(timesteps)):
            level = levels[number]
            sigma = torch.full((phrases.shape[0],), level, device=device)
            doubled = torch.cat((x, x)) if guided else x
            velocity = self.transformer(doubled, sigma, phrases, cells, flag)
            if guided:
                silent, spoken = velocity.chunk(2)
                velocity = silent + guidance_scale * (spoken - silent)
            if wanted is not None:
                velocity = velocity - hold_colours(x - level * velocity, wanted, sketch_strength) / level
            x = self.scheduler.step(velocity, t, x, return_dict=False)[0]
            if known is not None and region is not None:  # what stays, at the level reached
                x = torch.lerp(torch.lerp(known.expand(shape), noise, levels[number + 1]), x, region)
            if callback_on_step_end is not None:
                x = callback_on_step_end(self, number, t, {"latents": x}).pop("latents", x)
        return self._output(x, output_type, return_dict)

    def _output(self, x: torch.Tensor, output_type: str, return_dict: bool):
        images: Any = x  # (B, 3, H, W), (B, H, W, 3) or a list of PIL images, as asked for
        if output_type != "latent":
            images = ((x + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).float().cpu().numpy()
        if output_type == "pil":
            images = [Image.fromarray((image * 255).round().astype(np.uint8)) for image in images]
        return ImagePipelineOutput(images=images) if return_dict else (images,)


def load_pipeline(folder: Path = WEIGHTS, dtype: torch.dtype = torch.float32) -> IllustratorPipeline:
    """The illustrator of `folder`, its sentence encoder from the weight cache."""
    from transformers import AutoModel, AutoTokenizer

    from models.weights import weight_path

    sentences = weight_path("minilm-l6")
    pipe = IllustratorPipeline(
        transformer=load_quantised(IllustratorTransformer, folder / "transformer", dtype),
        # Below MIN_SIGMA the network tells no levels apart: a step spent there would be lost, and leave grain.
        scheduler=FlowMatchEulerDiscreteScheduler(shift=SHIFT, shift_terminal=MIN_SIGMA),
        text_encoder=AutoModel.from_pretrained(sentences, dtype="float32", use_safetensors=True).eval(),
        tokenizer=AutoTokenizer.from_pretrained(sentences),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe
