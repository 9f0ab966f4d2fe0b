"""Bad inputs by name: each spoils something and gives the command that meets it."""

from tests.bad_inputs.cases import command_line, data, models, settings, user_code
from tests.bad_inputs.spoiling import CASES

__all__ = ["CASES", "command_line", "data", "models", "settings", "user_code"]
