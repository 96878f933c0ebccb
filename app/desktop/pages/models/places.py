"""What this machine is called in sentences: a Mac, where it is one."""

import sys

THIS_MACHINE = "this Mac" if sys.platform == "darwin" else "this machine"
