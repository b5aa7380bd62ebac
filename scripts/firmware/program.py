"""The main file of the compiled agent."""

import sys

from lastgasp.recorder.main import main

sys.exit(main())
