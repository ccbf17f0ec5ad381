"""How often an agent does the same thing right every time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import comb


def pass_hat_k(passed: int, runs: int, k: int) -> float:
    """The unbiased estimate of "k fresh runs all pass" from `passed` of `runs`: C(passed, k) / C(runs, k).

    Source: the pass^k of tau-bench (Yao et al. 2024). Raises ValueError where k exceeds the runs.
    """
    if not 1 <= k <= runs:
        raise ValueError(f"pass^{k} needs at least {k} runs, there are {runs}")
    return comb(passed, k) / comb(runs, k)


def blocks(outcomes: Sequence[bool], k: int) -> Iterable[bool]:
    """Disjoint blocks of k runs in their recorded order, each true when all k passed; a short rest is left out.

    Blocks share no run, so that the count of true ones has an exact binomial-type bound.
    """
    return (all(outcomes[i : i + k]) for i in range(0, len(outcomes) - k + 1, k))


def meets_rule(passed: int, made: int, *, needed: int, planned: int) -> bool:
    """Whether a case meets its rule "`needed` of `planned` runs pass". A run that stopped early made fewer runs: then
    the same share of them has to pass. Nothing made meets no rule."""
    return made > 0 and passed * planned >= needed * made
