"""Where things lie; what is kept between runs is in one folder, which git ignores."""

from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
REQUIREMENTS = HERE / "requirements"

CACHE = HERE.parent / ".cache"
ENVIRONMENTS = CACHE / "environments"
MODELS = CACHE / "models"
RESULTS = CACHE / "results"
SCRATCH = CACHE / "scratch"
