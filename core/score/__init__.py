"""What measurements are worth: limits first, then the objective; and how sure that is."""

from core.score.confirm import Decision as Decision
from core.score.confirm import decide as decide
from core.score.confirm import next_repeat as next_repeat
from core.score.evidence import FALSE_WINNER as FALSE_WINNER
from core.score.judge import Gap as Gap
from core.score.judge import Judged as Judged
from core.score.judge import Outcome as Outcome
from core.score.judge import gain as gain
from core.score.judge import gaps as gaps
from core.score.judge import judge as judge
from core.score.judge import lower_is_better as lower_is_better
from core.score.judge import objective_value as objective_value
from core.score.judge import outcome as outcome
from core.score.judge import rank as rank
from core.score.judge import strains as strains
from core.score.judge import unit as unit
from core.score.levels import LEAST_REPEATS as LEAST_REPEATS
from core.score.rounds import LOOKS as LOOKS
from core.score.rounds import MOST_CONTENDERS as MOST_CONTENDERS
from core.score.rounds import Arm as Arm
from core.score.rounds import Searched as Searched
from core.score.rounds import contenders as contenders
from core.score.rounds import most_starts as most_starts
