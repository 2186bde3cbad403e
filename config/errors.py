"""What can be wrong with the configuration.

::

    ConfigurationError
    ├── ConfigError          the operator's settings; carries every problem at once
    └── UnknownModelError    the caller asked for a model that is not configured
"""

from collections.abc import Sequence
from typing import NamedTuple


class ConfigProblem(NamedTuple):
    """One thing to correct: where it is written, what is wrong, and what to write instead."""

    path_key: str
    problem: str
    hint: str

    def __str__(self) -> str:
        return f"{self.path_key}: {self.problem}; {self.hint}"


class ConfigurationError(Exception):
    """The root of this tree."""


class ConfigError(ConfigurationError):
    """The settings can't be used; its text has one line for each problem."""

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UnknownModelError(ConfigurationError):
    """No model of this name is configured, and no ``"*"`` model takes unknown names."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the model {name!r} is not configured")
