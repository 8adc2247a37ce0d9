"""The table of families that the laws run over serves here too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "laws"))
