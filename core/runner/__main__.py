"""`python -P -m core.runner`: the runner of the home that AUTOTUNER_HOME names, kept alive."""

import sys

from core.runner.supervise import supervise

sys.exit(supervise())
