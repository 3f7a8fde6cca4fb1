"""Text-to-image pipelines of real classes at tiny size, built from their configurations; nothing is downloaded."""

import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import (
    AutoModel,
    AutoTokenizer,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
)

from models.diffusion.draw import Drawer
from models.diffusion.loading import Loaded
from models.illustrator.network import IllustratorTransformer
from models.illustrator.pipeline import IllustratorPipeline
from models.profiles import load_profile

WORDS = ["a", "the", "red", "rocket", "cat", "sea", "of", "in", "flat", "illustration", ","]


def clip_tokenizer(folder: Path) -> CLIPTokenizer:
    """Letters and a few words; no merges."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    tokens = [*letters, *(letter + "</w>" for letter in letters), ",</w>", "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16)


def clip_encoder(vocabulary: int) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=16,
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            projection_dim=16,
        )
    ).eval()


def small_vae(channels: int = 4, **options) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 16), latent_channels=channels, norm_num_groups=4, layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, **options,
    ).eval()  # fmt: skip


def tiny_stable_diffusion(folder: Path) -> StableDiffusionPipeline:
    """SD 1.5's classes, 8 px a latent replaced by 2."""
    torch.manual_seed(0)
    tokenizer = clip_tokenizer(folder / "words")
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, sample_size=16, norm_num_groups=4, cross_attention_dim=16,
        attention_head_dim=4, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    ).eval()  # fmt: skip
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1,
    )  # fmt: skip
    return StableDiffusionPipeline(
        vae=small_vae(), text_encoder=clip_encoder(len(tokenizer)), tokenizer=tokenizer, unet=unet,
        scheduler=scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def tiny_flux(folder: Path) -> FluxPipeline:
    """FLUX.1's classes; its latents are packed tokens. The second text encoder reads CLIP's tokens."""
    torch.manual_seed(0)
    tokenizer = clip_tokenizer(folder / "words")
    transformer = FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=(2, 2, 4), guidance_embeds=False,
    ).eval()  # fmt: skip
    t5 = T5Config(vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=24, num_layers=1, num_heads=2)
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True), vae=small_vae(4, use_quant_conv=False,
        use_post_quant_conv=False, shift_factor=0.1, scaling_factor=0.4), text_encoder=clip_encoder(len(tokenizer)),
        tokenizer=tokenizer, text_encoder_2=T5EncoderModel(t5).eval(), tokenizer_2=tokenizer, transformer=transformer,
    )  # fmt: skip


def embeddings(width: int, length: int = 5, seed: int = 1) -> torch.Tensor:
    """(1, length, width): what a text encoder would give."""
    return torch.randn(1, length, width, generator=torch.Generator().manual_seed(seed))


def sdxl():
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, sample_size=16, norm_num_groups=4, cross_attention_dim=16,
        attention_head_dim=(2, 4), use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=8, transformer_layers_per_block=(1, 1), projection_class_embeddings_input_dim=64,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    ).eval()  # fmt: skip
    scheduler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    pipe = StableDiffusionXLPipeline(
        vae=small_vae(), text_encoder=None, text_encoder_2=None, tokenizer=None, tokenizer_2=None, unet=unet,
        scheduler=scheduler, force_zeros_for_empty_prompt=True, add_watermarker=False,
    )  # fmt: skip
    pooled = {"pooled_prompt_embeds": embeddings(16, 1)[0], "negative_pooled_prompt_embeds": embeddings(16, 1, 2)[0]}
    return pipe, {"prompt_embeds": embeddings(16), "negative_prompt_embeds": embeddings(16, seed=2), **pooled}


def sd3():
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline

    torch.manual_seed(0)
    transformer = SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=4, num_layers=1, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=16, caption_projection_dim=16, pooled_projection_dim=16, out_channels=4,
        pos_embed_max_size=32,
    ).eval()  # fmt: skip
    pipe = StableDiffusion3Pipeline(
        transformer=transformer, scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=small_vae(use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.06), text_encoder=None,
        tokenizer=None, text_encoder_2=None, tokenizer_2=None, text_encoder_3=None, tokenizer_3=None,
    )  # fmt: skip
    pooled = {"pooled_prompt_embeds": embeddings(16, 1)[0], "negative_pooled_prompt_embeds": embeddings(16, 1, 2)[0]}
    return pipe, {"prompt_embeds": embeddings(16), "negative_prompt_embeds": embeddings(16, seed=2), **pooled}


def flux():
    torch.manual_seed(0)
    transformer = FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=(2, 2, 4), guidance_embeds=False,
    ).eval()  # fmt: skip
    pipe = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=small_vae(use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.1), text_encoder=None,
        tokenizer=None, text_encoder_2=None, tokenizer_2=None, transformer=transformer,
    )  # fmt: skip
    return pipe, {"prompt_embeds": embeddings(16), "pooled_prompt_embeds": embeddings(16, 1)[0]}


def sana():
    from diffusers import AutoencoderDC, DPMSolverMultistepScheduler, SanaPipeline, SanaTransformer2DModel

    torch.manual_seed(0)
    transformer = SanaTransformer2DModel(
        patch_size=1, in_channels=4, out_channels=4, num_layers=1, num_attention_heads=2, attention_head_dim=4,
        num_cross_attention_heads=2, cross_attention_head_dim=4, cross_attention_dim=8, caption_channels=8,
        sample_size=32,
    ).eval()  # fmt: skip
    sides = ("encoder", "decoder")
    vae = AutoencoderDC(
        in_channels=3, latent_channels=4, attention_head_dim=2, downsample_block_type="conv",
        upsample_block_type="interpolate", decoder_norm_types="rms_norm", decoder_act_fns="silu",
        **{f"{side}_block_types": ("ResBlock", "EfficientViTBlock") for side in sides},
        **{f"{side}_block_out_channels": (8, 8) for side in sides},
        **{f"{side}_qkv_multiscales": ((), (5,)) for side in sides},
        **{f"{side}_layers_per_block": (1, 1) for side in sides},
    ).eval()  # fmt: skip
    scheduler = DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    pipe = SanaPipeline(tokenizer=None, text_encoder=None, vae=vae, transformer=transformer, scheduler=scheduler)
    mask = torch.ones(1, 5, dtype=torch.long)
    return pipe, {
        "negative_prompt": None, "prompt_embeds": embeddings(8), "prompt_attention_mask": mask,
        "use_resolution_binning": False,
        "negative_prompt_embeds": embeddings(8, seed=2), "negative_prompt_attention_mask": mask,
    }  # fmt: skip


def pixart():
    from diffusers import DPMSolverMultistepScheduler, PixArtSigmaPipeline, PixArtTransformer2DModel

    torch.manual_seed(0)
    transformer = PixArtTransformer2DModel(
        sample_size=16, num_layers=1, patch_size=2, attention_head_dim=8, num_attention_heads=2, caption_channels=16,
        in_channels=4, cross_attention_dim=16, out_channels=8, attention_bias=True,
    ).eval()  # fmt: skip
    pipe = PixArtSigmaPipeline(
        tokenizer=None, text_encoder=None, vae=small_vae(), transformer=transformer,
        scheduler=DPMSolverMultistepScheduler(beta_start=0.0001, beta_end=0.02, beta_schedule="linear"),
    )  # fmt: skip
    mask = torch.ones(1, 5, dtype=torch.long)
    return pipe, {
        "negative_prompt": None, "prompt_embeds": embeddings(16), "prompt_attention_mask": mask,
        "negative_prompt_embeds": embeddings(16, seed=2), "negative_prompt_attention_mask": mask,
        "use_resolution_binning": False,
    }  # fmt: skip


def qwen_image():
    from diffusers import AutoencoderKLQwenImage, QwenImagePipeline, QwenImageTransformer2DModel

    torch.manual_seed(0)
    transformer = QwenImageTransformer2DModel(
        patch_size=2, in_channels=16, out_channels=4, num_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=16, guidance_embeds=False, axes_dims_rope=(8, 4, 4),
    ).eval()  # fmt: skip
    vae = AutoencoderKLQwenImage(
        base_dim=24, z_dim=4, dim_mult=[1, 2], num_res_blocks=1, temperal_downsample=[False], latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    ).eval()  # fmt: skip
    pipe = QwenImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift_terminal=0.02), vae=vae,
        text_encoder=None, tokenizer=None, transformer=transformer,
    )  # fmt: skip
    mask = torch.ones(1, 5, dtype=torch.long)
    return pipe, {
        "prompt_embeds": embeddings(16), "prompt_embeds_mask": mask, "true_cfg_scale": 3.0,
        "negative_prompt_embeds": embeddings(16, seed=2), "negative_prompt_embeds_mask": mask,
    }  # fmt: skip


def z_image():
    from diffusers import ZImagePipeline, ZImageTransformer2DModel

    torch.manual_seed(0)
    transformer = ZImageTransformer2DModel(
        all_patch_size=(2,), all_f_patch_size=(1,), in_channels=4, dim=32, n_layers=1, n_refiner_layers=1, n_heads=2,
        n_kv_heads=2, cap_feat_dim=16, axes_dims=[8, 4, 4], axes_lens=[256, 32, 32],
    ).eval()  # fmt: skip
    pipe = ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=small_vae(shift_factor=0.1), text_encoder=None,
        tokenizer=None, transformer=transformer,
    )  # fmt: skip
    return pipe, {"prompt_embeds": [embeddings(16)[0]], "negative_prompt_embeds": [embeddings(16, seed=2)[0]]}


FAMILIES = {
    "SDXL": sdxl, "SD3": sd3, "FLUX": flux, "Sana": sana, "PixArt": pixart, "Qwen-Image": qwen_image,
    "Z-Image": z_image,
}  # fmt: skip


def tiny_illustrator(sentences: Path) -> Drawer:
    """The embedded pipeline around a network of one small layer with random weights."""
    torch.manual_seed(0)
    network = IllustratorTransformer(dim=24, depth=1, heads=2, bottleneck=12, finish_width=8).eval()
    for parameter in network.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.05)
    pipe = IllustratorPipeline(
        network,
        FlowMatchEulerDiscreteScheduler(shift=2.0),
        AutoModel.from_pretrained(sentences, dtype="float32", use_safetensors=True).eval(),
        AutoTokenizer.from_pretrained(sentences),
    )
    pipe.set_progress_bar_config(disable=True)
    return Drawer(load_profile("embedded"), Loaded(pipe, "weights", "float32", "cpu"))
