"""Every scheduler class of diffusers 0.42: corrected at its site, or refused with its reason."""

from dataclasses import replace
from typing import Any

from models.diffusion import sites
from models.diffusion.sites import Site
from models.errors import InputError

_EXPLODING = Site("output", sites.exploding_levels, sites.returned_clean, sites.counted)
_DDIM = Site("output", sites.ddim_levels, sites.returned_clean, sites.looked_up, kept=sites.ddim_kept, dtype_of="both")
_DDPM = Site("output", sites.ddpm_levels, sites.returned_clean, sites.looked_up, kept=sites.ddpm_kept, dtype_of="both")
_TWO_STAGE = Site(
    "block end", sites.exploding_pair_levels, sites.returned_clean, sites.counted, sites.second_stage, dtype_of="both"
)
_INPUT = Site("input", sites.solver_levels, sites.velocity_clean, sites.counted, dtype_of="sample")

SITES: dict[str, Site] = {
    "FlowMatchEulerDiscreteScheduler": Site(
        "output", sites.flow_levels, sites.velocity_clean, sites.counted, reason=sites.flow_reason
    ),
    "FlowMatchHeunDiscreteScheduler": Site(
        "block end", sites.flow_pair_levels, sites.velocity_clean, sites.counted, sites.second_stage
    ),
    "DDIMScheduler": _DDIM,
    "DDIMParallelScheduler": _DDIM,
    "DDPMScheduler": _DDPM,
    "DDPMParallelScheduler": _DDPM,
    "EulerDiscreteScheduler": _EXPLODING,
    "LMSDiscreteScheduler": Site(
        "output", sites.exploding_levels, sites.returned_clean, sites.counted, dtype_of="both"
    ),
    "EDMEulerScheduler": _EXPLODING,
    "EulerAncestralDiscreteScheduler": Site(
        "output", sites.exploding_levels, sites.returned_clean, sites.counted, kept=sites.ancestral_kept
    ),
    "HeunDiscreteScheduler": _TWO_STAGE,
    "KDPM2DiscreteScheduler": _TWO_STAGE,
    "DPMSolverMultistepScheduler": Site(
        "output",
        sites.solver_levels,
        sites.stored_clean,
        sites.counted,
        kept=sites.solver_kept,
        reason=sites.solver_reason,
        dtype_of="both",
    ),
    "DEISMultistepScheduler": Site("output", sites.solver_levels, sites.stored_clean, sites.counted, dtype_of="both"),
    "EDMDPMSolverMultistepScheduler": Site(
        "output", sites.exploding_levels, sites.stored_clean, sites.counted, reason=sites.no_sde_reason, dtype_of="both"
    ),
    "DPMSolverSinglestepScheduler": Site(
        "block end",
        sites.singlestep_levels,
        sites.stored_clean,
        sites.counted,
        sites.singlestep_end,
        reason=sites.no_sde_reason,
        dtype_of="both",
    ),
    "PNDMScheduler": Site(
        "block end", sites.pndm_levels, sites.pndm_clean, sites.pndm_position, sites.pndm_end, dtype_of="both"
    ),
    "IPNDMScheduler": Site("output", sites.ipndm_levels, sites.ipndm_clean, sites.counted, dtype_of="both"),
    "UniPCMultistepScheduler": _INPUT,
    "SASolverScheduler": replace(_INPUT, reason=sites.adams_reason),
}

_DISTILLED = "it samples few-step distilled models, which redraw the noise at every step"
_TOKENS = "it samples discrete tokens, which have no wavelet bands"
_VIDEO = "it samples video; the correction acts on single images"
_INVERSE = "it runs from the image to the noise"
_TWO_STAGE_NOISE = "its blocks mix two model calls with fresh noise, so that the state before the noise is not known"
_OLD = "it returns neither a predicted clean image nor what one follows from"

REFUSED: dict[str, str] = {
    "AmusedScheduler": _TOKENS,
    "BlockRefinementScheduler": _TOKENS,
    "DiscreteDDIMScheduler": _TOKENS,
    "EntropyBoundScheduler": _TOKENS,
    "VQDiffusionScheduler": _TOKENS,
    "CMStochasticIterativeScheduler": _DISTILLED,
    "ConsistencyDecoderScheduler": _DISTILLED,
    "FlowMapEulerDiscreteScheduler": _DISTILLED,
    "FlowMatchLCMScheduler": _DISTILLED,
    "HeliosDMDScheduler": _DISTILLED,
    "LCMScheduler": _DISTILLED,
    "PiflowScheduler": _DISTILLED,
    "SCMScheduler": _DISTILLED,
    "TCDScheduler": _DISTILLED,
    "CogVideoXDDIMScheduler": _VIDEO,
    "CogVideoXDPMScheduler": _VIDEO,
    "HeliosScheduler": _VIDEO,
    "LTXEulerAncestralRFScheduler": _VIDEO,
    "MiniMaxH3Scheduler": _VIDEO,
    "CosineDPMSolverMultistepScheduler": "it samples audio; the correction acts on images",
    "DDIMInverseScheduler": _INVERSE,
    "DPMSolverMultistepInverseScheduler": _INVERSE,
    "DPMSolverSDEScheduler": _TWO_STAGE_NOISE,
    "KDPM2AncestralDiscreteScheduler": _TWO_STAGE_NOISE,
    "DDPMWuerstchenScheduler": _OLD,
    "KarrasVeScheduler": _OLD,
    "ScoreSdeVeScheduler": _OLD,
    "ScoreSdeVpScheduler": _OLD,
    "RFD4ProteinaScheduler": "it samples protein structures, not images",
    "RePaintScheduler": "it jumps back to noisier levels, which undoes a correction",
    "UnCLIPScheduler": "it samples image embeddings and pixel decoders of unCLIP, not latents of one schedule",
}


def find_site(scheduler: Any) -> Site:
    """How this scheduler is corrected; InputError with the reason where it is not."""
    name = type(scheduler).__name__
    site = SITES.get(name)
    reason = REFUSED.get(name, "it is not one that this program knows") if site is None else site.reason(scheduler)
    if site is None or reason:
        raise InputError(
            f"scheduler {name} cannot be corrected: {reason}; use --correction off, or another scheduler as "
            "FlowMatchEulerDiscreteScheduler, EulerDiscreteScheduler or DPMSolverMultistepScheduler"
        )
    return site
