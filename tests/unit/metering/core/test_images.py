import pytest

from metering.core.images import ImageRule, PatchRule, image_rule

TILE_MODELS = ("gpt-4o", "gpt-4o-mini", "o1", "gpt-5")
PATCH_MODELS = ("gpt-4.1-mini", "gpt-4.1-nano", "o4-mini")


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        ((512, 512), (255, 8500, 225, 210)),
        ((1024, 1024), (765, 25501, 675, 630)),
        ((2048, 4096), (1105, 36835, 975, 910)),
        ((4096, 8192), (1105, 36835, 975, 910)),
        ((1920, 1080), (1105, 36835, 975, 910)),
        ((3000, 1000), (1445, 48169, 1275, 1190)),
    ],
)
def test_tiles_cost_as_published(size: tuple[int, int], tokens: tuple[int, ...]) -> None:
    for model, expected in zip(TILE_MODELS, tokens, strict=True):
        for detail in ("high", "auto", None):
            assert image_rule(model).tokens(*size, detail) == expected, model


def test_low_detail_costs_the_base_of_tile_models() -> None:
    assert [image_rule(m).tokens(4096, 8192, "low") for m in TILE_MODELS] == [85, 2833, 75, 70]


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        ((512, 512), (415, 630, 441)),
        ((1024, 1024), (1659, 2520, 1762)),
        ((1800, 2400), (2353, 3572, 2498)),
        ((2048, 768), (2489, 3779, 2642)),
    ],
)
def test_patches_cost_as_published(size: tuple[int, int], tokens: tuple[int, ...]) -> None:
    for model, expected in zip(PATCH_MODELS, tokens, strict=True):
        rule = image_rule(model)
        assert isinstance(rule, PatchRule)
        assert rule.published_tokens(*size) == expected, model


def test_image_above_the_budget_is_counted_as_it_was_billed() -> None:
    rule = image_rule("gpt-4.1-mini")
    assert isinstance(rule, PatchRule)
    assert rule.published_tokens(4000, 1474) == 2348
    assert rule.tokens(4000, 1474, None) == 2489  # ceil(1536 x 1.62); billed were 2488


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        ((256, 256), 77),
        ((512, 512), 308),
        ((768, 1024), 922),
        ((1280, 720), 1104),
        ((1024, 1024), 1229),
        ((2048, 768), 1844),
    ],
)
def test_gpt_5_mini_costs_as_billed_not_as_documented(size: tuple[int, int], tokens: int) -> None:
    assert image_rule("gpt-5-mini-2025-08-07").tokens(*size, "high") == tokens


@pytest.mark.parametrize(
    ("model", "same_as"),
    [
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("ft:gpt-4.1-mini-2025-04-14:org::id", "gpt-4.1-mini"),
        ("gpt-4-turbo", "gpt-4o"),
        ("gpt-4.1", "gpt-4o"),
        ("o3-pro", "o1"),
        ("gpt-5-codex", "gpt-5"),
        ("gpt-5.4-mini", "gpt-5.4"),
        ("gpt-6-astra", "gpt-5.5"),
        ("claude-3-5-sonnet-20240620", "claude-sonnet-4-5"),
        ("us.anthropic.claude-opus-4-6-v1:0", "claude-sonnet-4-20250514"),
        ("claude-opus-5", "claude-opus-4-7"),
    ],
)
def test_names_find_their_family(model: str, same_as: str) -> None:
    assert image_rule(model) == image_rule(same_as)


@pytest.mark.parametrize(
    ("model", "tokens"), [("claude-3-opus-20240229", 1568), ("claude-opus-5", 4784), ("llava:7b", 4784)]
)
def test_dearest_image_of_models_that_count_by_size(model: str, tokens: int) -> None:
    assert image_rule(model).tokens_max(None) == image_rule(model).tokens(10_000, 10_000, None) == tokens


def test_small_image_of_claude_counts_its_patches() -> None:
    assert image_rule("claude-sonnet-4-5").tokens(280, 100, None) == 40


def test_small_image_of_gemini_is_one_tile() -> None:
    assert image_rule("gemini-2.5-pro").tokens(384, 384, None) == 258


def test_deployment_name_without_family_falls_back_to_the_public_name() -> None:
    assert image_rule("my-deployment", "gpt-4o") == image_rule("gpt-4o")


@pytest.mark.parametrize("model", ["gpt-4o", "o4-mini", "gpt-5.2", "gpt-5.4", "gpt-6", "claude-opus-5", "gemini-3"])
@pytest.mark.parametrize("detail", ["low", "high", "original", "auto", None])
def test_no_image_costs_more_than_the_dearest(model: str, detail: str | None) -> None:
    rule: ImageRule = image_rule(model)
    sizes = [(w, h) for w in (1, 31, 512, 769, 2048, 9999) for h in (1, 33, 768, 2049, 20_000)]
    assert max(rule.tokens(*size, detail) for size in sizes) <= rule.tokens_max(detail)
