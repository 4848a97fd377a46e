"""Continuous batching, without a clock: which tokens the next step computes.

Running sequences go first, one token each; what is left of the step's token budget goes to
prompts, in order of arrival and in chunks. A sequence is admitted when a place is free and the
KV cache holds it to its full length, so nothing is ever preempted.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

from core.engines.simserver.hardware import BLOCK
from core.engines.simserver.roofline import Work


@dataclass(slots=True, eq=False)
class Sequence:
    """One request, in tokens. `output` 0: the prompt is all the work, as for embeddings.

    `number` is whatever its owner knows it by.
    """

    number: int
    prompt: int
    output: int
    prefix: tuple[int, ...] = ()
    computed: int = 0
    produced: int = 0
    gone: bool = False

    @property
    def blocks(self) -> int:
        return -(-(self.prompt + self.output) // BLOCK)

    @property
    def finished(self) -> bool:
        return self.computed >= self.prompt and self.produced >= self.output


@dataclass(slots=True)
class Counters:
    """Totals since the start, in tokens and requests."""

    prompt_tokens: int = 0
    generated_tokens: int = 0
    finished: int = 0
    steps: int = 0
    prefix_queries: int = 0
    prefix_hits: int = 0


class PrefixCache:
    """Blocks of prompts seen before, the least recently used forgotten first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._known: OrderedDict[int, None] = OrderedDict()

    def match(self, prefix: tuple[int, ...]) -> int:
        """How many leading blocks of a prompt are known."""
        for number, key in enumerate(prefix):
            if key not in self._known:
                return number
            self._known.move_to_end(key)
        return len(prefix)

    def add(self, prefix: tuple[int, ...]) -> None:
        for key in prefix:
            self._known[key] = None
            self._known.move_to_end(key)
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)

    def clear(self) -> None:
        self._known.clear()


class Scheduler:
    """Waiting and running sequences. `plan` decides a step, `complete` carries it out."""

    def __init__(
        self, max_seqs: int, max_tokens: int, kv_blocks: int, *, chunked: bool, caching: bool
    ) -> None:
        self._max_seqs = max_seqs
        self._max_tokens = max_tokens
        self._kv_blocks = kv_blocks
        self._chunked = chunked
        self.cache = PrefixCache(kv_blocks) if caching else None
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self.counters = Counters()
        self._used = 0
        self._step: list[tuple[Sequence, int]] = []

    @property
    def cache_usage(self) -> float:
        """The reserved share of the KV cache, 0..1."""
        return self._used / self._kv_blocks if self._kv_blocks else 0.0

    def add(self, sequence: Sequence) -> None:
        self.waiting.append(sequence)

    def cancel(self, sequence: Sequence) -> None:
        """The client has gone: its place and its blocks are free at once."""
        sequence.gone = True
        if sequence in self.running:
            self._leave(sequence)
        elif sequence in self.waiting:
            self.waiting.remove(sequence)

    def plan(self) -> Work | None:
        """The next step, or None when there is nothing to do."""
        decoding = [s for s in self.running if s.computed >= s.prompt]
        self._step = [(sequence, 1) for sequence in decoding]
        budget = self._max_tokens - len(decoding)
        for sequence in self.running:
            if sequence.computed < sequence.prompt and budget > 0:
                budget -= self._prefill(sequence, budget)
        while budget > 0 and self._fits(budget):
            sequence = self.waiting.popleft()
            self._admit(sequence)
            budget -= self._prefill(sequence, budget)
        return self._work(decoding) if self._step else None

    def complete(self) -> list[Sequence]:
        """End the planned step; the sequences that have something to tell, oldest first."""
        self.counters.steps += 1
        told = []
        for sequence, tokens in self._step:
            if sequence.gone:
                continue
            if sequence.computed < sequence.prompt:
                sequence.computed += tokens
                if sequence.computed < sequence.prompt:
                    continue
                self._prefilled(sequence)
            if sequence.output:
                sequence.produced += 1
                self.counters.generated_tokens += 1
            told.append(sequence)
            if sequence.finished:
                self.counters.finished += 1
                self._leave(sequence)
        return told

    def _prefill(self, sequence: Sequence, budget: int) -> int:
        tokens = min(budget, sequence.prompt - sequence.computed)
        self._step.append((sequence, tokens))
        return tokens

    def _fits(self, budget: int) -> bool:
        if not self.waiting or len(self.running) >= self._max_seqs:
            return False
        first = self.waiting[0]
        if not self._chunked and first.prompt > budget:
            return False
        return self._used + first.blocks <= self._kv_blocks

    def _admit(self, sequence: Sequence) -> None:
        self.running.append(sequence)
        self._used += sequence.blocks
        if self.cache is not None and sequence.prefix:
            known = self.cache.match(sequence.prefix)
            # The last token is always computed: its logits are needed.
            share = known / len(sequence.prefix)
            sequence.computed = min(int(sequence.prompt * share), sequence.prompt - 1)
            self.counters.prefix_queries += sequence.prompt
            self.counters.prefix_hits += sequence.computed

    def _prefilled(self, sequence: Sequence) -> None:
        self.counters.prompt_tokens += sequence.prompt
        if self.cache is not None:
            self.cache.add(sequence.prefix)

    def _leave(self, sequence: Sequence) -> None:
        self.running.remove(sequence)
        self._used -= sequence.blocks

    def _work(self, decoding: list[Sequence]) -> Work:
        context = sum(s.prompt + s.produced for s in decoding)
        tokens, pairs = len(decoding), context
        for sequence, chunk in self._step[len(decoding) :]:
            tokens += chunk
            context += sequence.computed
            pairs += chunk * (sequence.computed + chunk // 2)
        return Work(tokens, context, pairs, len(self.running))
