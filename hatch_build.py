"""The wheel has the dashboard in it: built here, or before where no package can be had."""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DashboardHook(BuildHookInterface):  # type: ignore[type-arg] # the library's own parameter is private
    """Builds gateway/static, which git ignores and the wheel must not."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it. A wheel without a dashboard is refused, unless that was asked for."""
        del version
        root = Path(self.root)
        dashboard = runpy.run_path(str(root / "dashboard" / "build.py"))
        built = (root / "gateway" / "static" / "index.html").is_file()
        if dashboard["main"]([] if built else ["--required"], root):
            raise RuntimeError(
                "the dashboard could not be built, see above; FAREBOX_DASHBOARD_BUILD=skip leaves it out"
            )
        build_data["artifacts"].append("gateway/static/**")
