"""Run the command line as ``python -m splinear.cli``."""

import sys

from splinear.cli import main

sys.exit(main())
