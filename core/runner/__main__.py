"""`python -P -m core.runner`: the runner of the home that AUTOTUNER_HOME names."""

import sys

from core.runner.main import main

sys.exit(main())
