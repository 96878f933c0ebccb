"""A process that trains the run in a folder, from where it stands to its end."""

import sys
from pathlib import Path

from models.finetune.finetune import resume

if __name__ == "__main__":
    for _ in resume(Path(sys.argv[1])):
        pass
