"""A step's weights and the transform whose bands they are for. Torch-free: options are checked before models load."""

import math
from dataclasses import dataclass, fields
from functools import lru_cache

from models.errors import InputError


@dataclass(frozen=True)
class Bands:
    """The weights of one step, one per wavelet band; 0 leaves a band alone. No unit; InputError unless finite."""

    ll: float = 0.0  # means: what is smooth in both directions
    lh: float = 0.0  # detail down the rows, pywt's "horizontal"
    hl: float = 0.0  # detail along a row, pywt's "vertical"
    hh: float = 0.0  # detail in both

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise InputError(f"correction weight of band {field.name} is {value!r}: give a finite number")

    def __bool__(self) -> bool:
        return any((self.ll, self.lh, self.hl, self.hh))

    @property
    def one_detail_weight(self) -> bool:
        return self.lh == self.hl == self.hh


@dataclass(frozen=True)
class Transform:
    """Which bands a correction works in. InputError where the wavelet or the level does not exist."""

    wavelet: str = "haar"  # any orthogonal or biorthogonal name of PyWavelets
    level: int = 1  # levels of the transform; low = what is left after all of them

    def __post_init__(self) -> None:
        if not isinstance(self.level, int) or not 1 <= self.level <= 6:  # 2^6 is half a 1024 px picture's latent
            raise InputError(f"wavelet level {self.level!r}: give a whole number from 1 to 6")
        filter_length(self.wavelet)


@lru_cache
def filter_length(wavelet: str) -> int:
    """Taps of the wavelet's filters; InputError where PyWavelets knows no such discrete wavelet."""
    import pywt

    try:
        return pywt.Wavelet(wavelet).dec_len
    except (ValueError, TypeError) as error:
        raise InputError(f"unknown wavelet {wavelet!r}: give one of pywt.wavelist(kind='discrete'), as haar") from error


#: One level of Haar: what the paper uses throughout.
HAAR = Transform()
