"""How much a browser fetches before it shows anything."""

import re

import pytest

from gateway.site import INDEX, STATIC

KILOBYTES_MAX = 250


def test_the_initial_script_is_below_250_kilobytes_compressed() -> None:
    if not (STATIC / INDEX).is_file():
        pytest.skip("the dashboard is not built here: ./test builds it, where npm can be reached")
    page = (STATIC / INDEX).read_text()
    scripts = re.findall(r'(?:<script[^>]* src|<link rel="modulepreload"[^>]* href)="/dashboard/([^"]+\.js)"', page)
    assert any(name.startswith("assets/") for name in scripts)
    sizes = {name: size(name) for name in scripts}
    assert sum(sizes.values()) < KILOBYTES_MAX * 1000, sizes


def test_charts_are_loaded_when_they_are_needed() -> None:
    if not (STATIC / INDEX).is_file():
        pytest.skip("the dashboard is not built here: ./test builds it, where npm can be reached")
    page = (STATIC / INDEX).read_text()
    charts = [path.name for path in (STATIC / "assets").glob("*.js") if "recharts-wrapper" in path.read_text()]
    assert charts
    assert [name for name in charts if name in page] == []


def size(name: str) -> int:
    """Return what is sent of a file: the compressed one, where there is one."""
    packed = STATIC / f"{name}.gz"
    return (packed if packed.is_file() else STATIC / name).stat().st_size
