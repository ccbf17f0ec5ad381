"""Rollouts to look at: under way, ended in each way, and one that says the same text everywhere."""

from __future__ import annotations

from dataclasses import replace

from agentops.model.rollout import (
    Approval,
    Cause,
    Counts,
    Entry,
    Phase,
    Plan,
    Pod,
    Sample,
    State,
    Touched,
)  # fmt: skip
from agentops.model.rollout_settings import Place, Shadow
from agentops.reports.rollout.view import View

T0 = 1_790_000_000.0
NEW = "registry.example/support-agent@sha256:" + "1a2b3c4d" * 8
OLD = "registry.example/support-agent@sha256:" + "99887766" * 8
PLACE = Place("production", "support-agent", approval=True, shadow=Shadow(mode="replay", sessions=("s.jsonl",)))
PLAN = Plan(
    strategy="canary", traffic="splitter", why="the Service has no Gateway", weights=(5, 25, 50), needed=149,
    detects="errors of 7 % and more above stable's", stable_replicas=3,
    steps=("raise one pod", "5 %"), warnings=("the token of the kubeconfig is static",),
)  # fmt: skip
WAY = (
    (0, Phase.CANARY_UP, f"{NEW} is to replace {OLD}, by splitter"),
    (31, Phase.SHADOW, "shadow begins"),
    (95, Phase.WAIT, "wait begins"),
    (140, Phase.WAIT, "approved by maria: the evals look good"),
    (140, Phase.CANARY, "canary 1 begins"),
    (152, Phase.CANARY, "5 % flow to the canary"),
    (460, Phase.CANARY, "5 %: 152 requests, errors at most 1.4 % above stable's"),
    (460, Phase.CANARY, "canary 2 begins"),
    (466, Phase.CANARY, "25 % flow to the canary"),
    (520, Phase.CANARY, "frozen: no metrics for 30 s"),
    (550, Phase.CANARY, "goes on after 30 s"),
)
LATENCY = ((0.1, 20), (0.5, 120), (1.0, 140), (2.5, 149), (float("inf"), 150))


def state(**changes: object) -> State:
    """In its second canary step."""
    made = State(
        id="r-20260921-1", app="support-agent", environment="production", namespace="shop", image=NEW, before=OLD,
        plan=PLAN, phase=Phase.CANARY, step=1, epoch=2, began_at=T0, phase_at=T0 + 460, flowing_at=T0 + 466,
        seen_at=T0 + 599, awaiting="87 of 149 requests of the canary", extended=1,
        touched=(Touched("Deployment", "support-agent"), Touched("Service", "support-agent")),
        approvals=(Approval(T0 + 139, "maria", "the evals look good", 0),), record="ab" * 32, policy_sha256="cd" * 32,
        entries=tuple(Entry(T0 + at, phase, text) for at, phase, text in WAY),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def sample() -> Sample:
    """What was seen at the last look."""
    canary = Counts(187, {"500": 2, "timeout": 1}, LATENCY, 0.412, 91_000)
    stable = Counts(5061, {"500": 9}, tuple((b, n * 30) for b, n in LATENCY), 10.9, 2_400_000)
    ready = Pod("support-agent-canary-7d9f-abcde", "10.0.0.7", True, 0, "node-1", memory_bytes=187 * 2**20)
    pull = Pod(
        "support-agent-canary-7d9f-fghij", "", False, 0, "node-2", waiting="ImagePullBackOff",
        message='Back-off pulling image "registry.example/support-agent": not found',
    )  # fmt: skip
    crash = replace(ready, name="support-agent-5c6d-xyz12", restarts=2, ready=False, waiting="CrashLoopBackOff")
    fine = replace(ready, name="support-agent-5c6d-xyz13")
    return Sample(T0 + 599, canary, stable, (ready, pull), (crash, fine), {"task completion": (0.914, 0.92)})


def since() -> Sample:
    """The look at which counting began."""
    then = Counts(100, {"500": 1}, tuple((b, n // 2) for b, n in LATENCY), 0.2, 50_000)
    return Sample(T0 + 466, then, replace(then, requests=4800, errors={"500": 7}, cost_usd=10.3, tokens=2_270_000))


def under_way(**changes: object) -> View:
    """A look at it."""
    return View(
        state(**changes), T0 + 600, PLACE, sample(), since(), seen=87, holder="ci-runner-7f-0a1b2c3d",
    )  # fmt: skip


def ended(phase: Phase, cause: Cause | None = None, reason: str = "", **changes: object) -> View:
    """A look at one that ended in its second canary step, or came through."""
    last = (
        [Entry(T0 + 600, Phase.BAKE, "bake begins"), Entry(T0 + 1200, Phase.COMMIT, "commit begins"),
         Entry(T0 + 1260, Phase.RESTORE, "restore begins"), Entry(T0 + 1275, Phase.DONE, f"stable serves {NEW}")]
        if phase is Phase.DONE
        else [Entry(T0 + 600, Phase.ABORTING, f"going back: {reason}"),
              Entry(T0 + 604, phase, "stable serves as before")]
    )  # fmt: skip
    before = state()
    return View(
        state(phase=phase, cause=cause, reason=reason, phase_at=last[-1].at, flowing_at=0.0, awaiting="", extended=0,
              entries=(*before.entries, *last), **changes),
        T0 + 2000, PLACE, sample(), since(),
    )  # fmt: skip


HARM = "errors of the canary (21.4 %) are above stable's (1.1 %): p < 0.01 after 87 requests"


def all_kinds() -> dict[str, View]:
    """Every kind of rollout by a name."""
    return {
        "under-way": under_way(),
        "frozen": under_way(frozen="no metrics for 30 s: the splitter does not answer", frozen_at=T0 + 570),
        "begun": View(state(phase=Phase.CANARY_UP, step=0, flowing_at=0.0, entries=state().entries[:1]), T0 + 3),
        "going-back": under_way(phase=Phase.ABORTING, cause=Cause.HARM, reason=HARM, flowing_at=0.0),
        "done": ended(Phase.DONE),
        "harm": ended(Phase.ABORTED, Cause.HARM, HARM),
        "broken": ended(Phase.ABORTED, Cause.BROKEN, "support-agent-canary-7d9f-fghij: ImagePullBackOff"),
        "inconclusive": ended(Phase.ABORTED, Cause.INCONCLUSIVE, "at 25 %: 87 of 149 requests"),
        "asked": ended(Phase.ABORTED, Cause.ASKED, "customers complain", asked_by="jo@example.org", desired="abort"),
        "orphaned": ended(Phase.ABORTED, Cause.ORPHANED, "the lease ran out 120 s ago"),
        "stuck": ended(Phase.ABORTING, Cause.HARM, HARM, rollback_failed="Service support-agent: refused (403)"),
    }


def saying(text: str, phase: Phase = Phase.CANARY) -> View:
    """The same text in every field."""
    pod = Pod(text, text, False, 3, text, text, text, text)
    counts = Counts(3, {text: 2}, ((1.0, 3),), 0.1, 3)
    plan = Plan(text, text, text, (5,), 10, text, 1, steps=(text,), warnings=(text,), refusals=(text,))
    entries = tuple(Entry(T0, phase, text) for phase in Phase)
    made = State(
        text, text, text, text, text, text, plan, phase, desired="abort", reason=text, asked_by=text,
        awaiting=text, frozen=text, touched=(Touched(text, text),), approvals=(Approval(T0, text, text),),
        entries=entries, record=text, broke_glass=text, policy_sha256=text, evidence={text: {text: text}}, began_at=T0,
    )  # fmt: skip
    look = Sample(T0, counts, counts, (pod,), (pod,), {text: (0.5, None)}, text)
    return View(made, T0 + 9, None, look, None, 3, text, text)
