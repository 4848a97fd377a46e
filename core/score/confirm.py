"""Winner, tie or not better: what the repeats of the best configurations say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.score.evidence import Bounds, Evidence, gain, weigh
from core.score.levels import LEAST_REPEATS
from core.score.rounds import Arm, Field, field, turn
from core.values import Objective


@dataclass(frozen=True, slots=True)
class Decision:
    """What can be said after some repeats.

    `kind`: winner, tie, not_better or unconfirmed. `best` is the chosen experiment, of a tie the
    cheaper. `delta`: its relative gain over the baseline (0.05 = 5 % better, for a latency
    objective 5 % lower), 0 for the baseline itself; `interval` its confidence interval. Where
    the best is the baseline, the interval is that of the strongest contender, named in `note`.
    Both are None where no baseline meets the limits. `repeats`: the complete rounds that it
    rests on. `tied`: cannot be told apart from the best. `settled`: no further repeat is needed.
    """

    kind: str
    best: int
    delta: float | None = None
    interval: tuple[float, float] | None = None
    repeats: int = 0
    tied: tuple[int, ...] = ()
    note: str = ""
    settled: bool = False


def decide(arms: Sequence[Arm], baseline: int | None, objective: Objective, most: int) -> Decision:
    """The verdict on `arms`, the baseline among them, where each may be repeated `most` times.

    `baseline` is None where it failed or misses the limits: then the best is held against the
    other contenders alone. Raises ValueError without arms.
    """
    if not arms:
        raise ValueError("nothing to decide on")
    now = field(arms, baseline, objective)
    ended = now.rounds >= most or (now.baseline is not None and now.baseline.lost)
    if not now.contenders:
        return _alone(arms, now)
    if now.rounds >= LEAST_REPEATS:
        evidence = weigh(now, objective, most)
        if now.baseline is None:
            return _among(evidence, ended)
        return _against(now.baseline, evidence, objective, ended)
    # One that began anew, at a lower load, holds up the rounds but not what the others showed.
    ready = [arm for arm in arms if len(arm.values) >= LEAST_REPEATS]
    if len(ready) < len(arms) and _comparable(ready, baseline, now):
        return replace(decide(ready, baseline, objective, most), settled=ended)
    return _unconfirmed(now, objective, most, ended)


def next_repeat(
    arms: Sequence[Arm], baseline: int | None, objective: Objective, most: int
) -> int | None:
    """The experiment to start next; None when the verdict stands or the limit is reached."""
    if not arms or decide(arms, baseline, objective, most).settled:
        return None
    return turn(arms, field(arms, baseline, objective))


def _comparable(ready: Sequence[Arm], baseline: int | None, now: Field) -> bool:
    numbers = {arm.number for arm in ready}
    contenders = [arm for arm in now.contenders if arm.number in numbers]
    return bool(contenders) and (now.baseline is None or baseline in numbers)


def _alone(arms: Sequence[Arm], now: Field) -> Decision:
    """No contender is left to repeat."""
    lost = ", ".join(f"#{arm.number}" for arm in arms if arm.lost and arm.feasible)
    gone = f"{lost} could not be started again" if lost else ""
    if now.baseline is None:
        note = gone or "none met the limits in its repeats"
        return Decision("unconfirmed", arms[0].number, note=note, settled=True)
    kind = "unconfirmed" if lost else "not_better"
    return Decision(kind, now.baseline.number, 0.0, repeats=now.rounds, note=gone, settled=True)


def _unconfirmed(now: Field, objective: Objective, most: int, ended: bool) -> Decision:
    """Too few rounds for a verdict: what looks best so far."""
    best = now.contenders[0]
    delta = None
    if now.baseline and now.rounds:
        found = weigh(now, objective, most).fit
        delta = gain(found.difference(best.number, now.baseline.number), objective)
    note = f"{now.rounds} of {LEAST_REPEATS} repeats"
    if now.baseline and now.baseline.lost:
        note += ": the baseline could not be started again"
    return Decision("unconfirmed", best.number, delta, repeats=now.rounds, note=note, settled=ended)


def _against(baseline: Arm, evidence: Evidence, objective: Objective, ended: bool) -> Decision:
    """Hold every contender against the baseline."""
    found = {arm.number: evidence.between(arm, baseline) for arm in evidence.judged}
    ranked = sorted(evidence.judged, key=lambda arm: -found[arm.number].middle)
    top = ranked[0]
    alive = [arm for arm in ranked if arm in evidence.field.contenders]
    if winners := [arm for arm in alive if found[arm.number].apart]:
        # One as good that beats the baseline with fewer GPUs is worth more than a higher mean.
        first = winners[0]
        best = min((a for a in winners if evidence.alike(first, a)), key=lambda a: a.gpus)
        alike = [arm for arm in ranked if evidence.alike(best, arm)]
        return _said("winner", best, best, alike, evidence, objective, found, True)
    if all(bounds.behind for bounds in found.values()):
        return _said("not_better", baseline, top, [], evidence, objective, found, True)
    alike = [arm for arm in ranked if not found[arm.number].behind and evidence.alike(top, arm)]
    best = _cheaper([baseline, *alike])
    rival = top if best is baseline else best
    settled = ended or all(bounds.same for bounds in found.values())
    return _said("tie", best, rival, [baseline, *alike], evidence, objective, found, settled)


def _among(evidence: Evidence, ended: bool) -> Decision:
    """No baseline meets the limits: hold the best against the other contenders."""
    arms = evidence.judged
    top = max(arms, key=lambda arm: evidence.fit.difference(arm.number, arms[0].number))
    alike = [arm for arm in arms if arm is top or evidence.alike(top, arm)]
    best = _cheaper(alike)
    return Decision(
        "tie" if len(alike) > 1 else "winner",
        best.number,
        repeats=evidence.field.rounds,
        tied=tuple(arm.number for arm in alike if arm is not best),
        note="the baseline does not meet the limits",
        settled=ended or all(evidence.between(top, arm).same for arm in alike if arm is not top),
    )


def _cheaper(arms: Sequence[Arm]) -> Arm:
    """Fewer GPUs, then lower latency; else the first."""
    return min(arms, key=lambda a: (a.gpus, math.inf if a.latency is None else a.latency))


def _said(
    kind: str, best: Arm, rival: Arm, alike: Sequence[Arm], evidence: Evidence,
    objective: Objective, found: Mapping[int, Bounds], settled: bool,
) -> Decision:  # fmt: skip
    """In relative gains. `rival` is whose difference from the baseline is shown."""
    bounds = found[rival.number]
    low, high = bounds.shown
    if kind == "tie" and not bounds.same:
        # Surely there but too small to count: what is called a tie is shown as one.
        low, high = min(low, 0.0), max(high, 0.0)
    return Decision(
        kind,
        best.number,
        gain(bounds.middle, objective) if best is rival else 0.0,
        (gain(low, objective), gain(high, objective)),
        evidence.field.rounds,
        tuple(arm.number for arm in alike if arm is not best),
        "" if best is rival else f"the interval is that of #{rival.number}",
        settled,
    )
