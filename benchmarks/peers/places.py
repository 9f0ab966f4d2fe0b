"""Where things lie: what is kept between runs is in one folder, which git ignores."""

import os
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
REQUIREMENTS = HERE / "requirements"

# Ten gigabytes of environments may lie on another disk.
CACHE = Path(os.environ.get("PEERS_CACHE") or HERE.parent / ".cache")
ENVIRONMENTS = CACHE / "environments"
MODELS = CACHE / "models"
RESULTS = CACHE / "results"
SCRATCH = CACHE / "scratch"
