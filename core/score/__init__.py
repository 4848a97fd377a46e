"""What measurements are worth: limits first, then the objective; and how sure that is."""

from core.score.judge import Judged as Judged
from core.score.judge import Outcome as Outcome
from core.score.judge import gain as gain
from core.score.judge import judge as judge
from core.score.judge import lower_is_better as lower_is_better
from core.score.judge import objective_value as objective_value
from core.score.judge import outcome as outcome
from core.score.judge import rank as rank
from core.score.judge import unit as unit
