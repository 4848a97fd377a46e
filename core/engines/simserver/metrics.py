"""Counters in Prometheus' text format, under vLLM's names."""

from __future__ import annotations

from core.engines.simserver.scheduler import Scheduler


def exposition(scheduler: Scheduler, model: str) -> str:
    """The page that /metrics serves."""
    counters = scheduler.counters
    values = (
        ("prompt_tokens_total", "counter", "Prefill tokens processed.", counters.prompt_tokens),
        (
            "generation_tokens_total",
            "counter",
            "Generation tokens processed.",
            counters.generated_tokens,
        ),
        ("request_success_total", "counter", "Finished requests.", counters.finished),
        ("num_requests_running", "gauge", "Requests running.", len(scheduler.running)),
        ("num_requests_waiting", "gauge", "Requests waiting.", len(scheduler.waiting)),
        ("kv_cache_usage_perc", "gauge", "Share of the KV cache in use.", scheduler.cache_usage),
        ("num_preemptions_total", "counter", "Preemptions.", 0),
        ("prefix_cache_queries_total", "counter", "Tokens looked up.", counters.prefix_queries),
        ("prefix_cache_hits_total", "counter", "Tokens found.", counters.prefix_hits),
    )
    label = model.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    lines: list[str] = []
    for name, kind, text, value in values:
        full = f"vllm:{name}"
        # A counter's family is named without the suffix of its sample.
        lines += [f"# HELP {full.removesuffix('_total')} {text}"]
        lines += [f"# TYPE {full.removesuffix('_total')} {kind}"]
        lines += [f'{full}{{engine="0",model_name="{label}"}} {float(value)}']
    return "\n".join(lines) + "\n"
