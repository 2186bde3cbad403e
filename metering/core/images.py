"""What an image costs in tokens: the rules of the model families.

As published by the providers; where bills were seen to differ (the multipliers
of gpt-5-mini and gpt-5-nano, images above the budget), as billed.
"""

import math
import re
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["ImageRule", "PatchRule", "PixelBudgetRule", "TileRule", "image_rule"]

_TILE_PX = 512
_PATCH_PX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TileRule:
    """Fit into 2048 x 2048, then the short side into 768; a base and a price for each 512-px tile."""

    base: int
    tile: int

    def tokens(self, width: int, height: int, detail: str | None) -> int:
        """Return the tokens of an image of this size in pixels."""
        if detail == "low":
            return self.base
        scale = min(1.0, 2048 / max(width, height))
        scale = min(scale, 768 / min(width, height))
        tiles = _spans(width * scale, _TILE_PX) * _spans(height * scale, _TILE_PX)
        return self.base + tiles * self.tile

    def tokens_max(self, detail: str | None) -> int:
        """Return the tokens of the dearest image: 2048 x 768 makes 8 tiles."""
        return self.base if detail == "low" else self.base + 8 * self.tile


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchRule:
    """32-px patches times a multiplier (hundredths), within a budget of patches.

    ``low`` is the budget at detail low (None: detail has no effect) and
    ``original`` that at detail original, which newer models take for auto.
    """

    multiplier: int
    budget: int = 1536
    low: int | None = None
    original: int | None = None
    auto_is_original: bool = False

    def tokens(self, width: int, height: int, detail: str | None) -> int:
        """Return the tokens of an image of this size in pixels.

        Above the budget the whole budget was seen billed, not the smaller
        number of patches that the published rule leaves (``published_tokens``).
        """
        patches = _spans(width, _PATCH_PX) * _spans(height, _PATCH_PX)
        return self._priced(min(patches, self._budget(detail)))

    def tokens_max(self, detail: str | None) -> int:
        """Return the tokens of the dearest image: one that fills the budget."""
        return self._priced(self._budget(detail))

    def published_tokens(self, width: int, height: int) -> int:
        """Return what the published rule says: an image above the budget shrinks to whole patches."""
        patches = _spans(width, _PATCH_PX) * _spans(height, _PATCH_PX)
        if patches > self.budget:
            scale = math.sqrt(_PATCH_PX**2 * self.budget / (width * height))
            columns, rows = width * scale / _PATCH_PX, height * scale / _PATCH_PX
            scale *= min(math.floor(columns) / columns, math.floor(rows) / rows)
            patches = _spans(width * scale, _PATCH_PX) * _spans(height * scale, _PATCH_PX)
        return self._priced(patches)

    def _budget(self, detail: str | None) -> int:
        if detail == "low" and self.low is not None:
            return self.low
        wants_original = detail == "original" or (self.auto_is_original and detail != "high")
        return self.original if wants_original and self.original is not None else self.budget

    def _priced(self, patches: int) -> int:
        return -(-patches * self.multiplier // 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelBudgetRule:
    """One price for each square of ``span`` pixels, at most ``tokens_cap`` tokens; detail has no effect."""

    span: int
    price: int
    tokens_cap: int

    def tokens(self, width: int, height: int, detail: str | None) -> int:  # noqa: ARG002 -- one shape for all rules
        """Return the tokens of an image of this size in pixels."""
        return min(_spans(width, self.span) * _spans(height, self.span) * self.price, self.tokens_cap)

    def tokens_max(self, detail: str | None) -> int:  # noqa: ARG002 -- one shape for all rules
        """Return the tokens of the dearest image."""
        return self.tokens_cap


ImageRule = TileRule | PatchRule | PixelBudgetRule


def _spans(length: float, span: int) -> int:
    # The tolerance keeps a side that was scaled to exactly 768 from becoming 768.0000000001, one tile more.
    return max(1, math.ceil(length / span - 1e-9))


_GPT_4O = TileRule(base=85, tile=170)
_O_SERIES = TileRule(base=75, tile=150)
_GPT_5 = TileRule(base=70, tile=140)
_GPT_5_2 = PatchRule(multiplier=120, budget=6144, low=256)
_GPT_5_4 = PatchRule(multiplier=120, budget=2500, low=256, original=10_000)
_GPT_5_5 = PatchRule(multiplier=120, budget=2500, low=256, original=10_000, auto_is_original=True)
_CLAUDE_OLD = PixelBudgetRule(span=28, price=1, tokens_cap=1568)
_CLAUDE_NEW = PixelBudgetRule(span=28, price=1, tokens_cap=4784)
_GEMINI = PixelBudgetRule(span=768, price=258, tokens_cap=16 * 258)

_FAMILIES: dict[str, ImageRule] = {
    "chatgpt-4o": _GPT_4O,
    "codex-mini": PatchRule(multiplier=172),
    "computer-use-preview": TileRule(base=65, tile=129),
    "gemini": _GEMINI,
    "gpt-4": _GPT_4O,
    "gpt-4.1-mini": PatchRule(multiplier=162),
    "gpt-4.1-nano": PatchRule(multiplier=246),
    "gpt-4o-mini": TileRule(base=2833, tile=5667),
    "gpt-5": _GPT_5,
    "gpt-5-mini": PatchRule(multiplier=120),
    "gpt-5-nano": PatchRule(multiplier=150),
    "gpt-5.1": _GPT_5,
    "gpt-5.2": _GPT_5_2,
    "gpt-5.3": _GPT_5_2,
    "gpt-5.4": _GPT_5_4,
    "gpt-5.": _GPT_5_5,
    "gpt-": _GPT_5_5,
    "o1": _O_SERIES,
    "o3": _O_SERIES,
    "o4-mini": PatchRule(multiplier=172),
}
_PREFIXES = sorted(_FAMILIES, key=len, reverse=True)
# Two digits at most: claude-sonnet-4-20250514 is a 4.0 of that day.
_CLAUDE = re.compile(r"claude-(?:[a-z]+-)*(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")


@lru_cache(maxsize=1024)
def image_rule(*names: str) -> ImageRule:
    """Return how images are counted by the family of the first name that tells one.

    Names are those of one model, the upstream's own first. A model of no known
    family gets the largest cap of the families that count by size.
    """
    for name in names:
        rule = _family_rule(name.lower().rpartition("/")[2].removeprefix("ft:"))
        if rule is not None:
            return rule
    return _CLAUDE_NEW


def _family_rule(name: str) -> ImageRule | None:
    claude = _CLAUDE.search(name)
    if claude is not None:
        version = (int(claude[1]), int(claude[2] or 0))
        return _CLAUDE_OLD if version < (4, 7) else _CLAUDE_NEW
    return next((_FAMILIES[prefix] for prefix in _PREFIXES if name.startswith(prefix)), None)
