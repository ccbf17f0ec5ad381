"""Whether a rollout can be begun: everything that can be known before the first write. Only reads.

A problem refuses, a warning is told. Each line names the object and the mend.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from agentops.contracts import Cluster, Doc
from agentops.errors import AgentopsError, ApiDown, ClusterError, UsageError
from agentops.model.rollout import ID
from agentops.model.rollout_settings import Place
from agentops.rollout import delegate, workload
from agentops.rollout.hands import notes
from agentops.rollout.journal import Journal
from agentops.rollout.preflight_owners import applied, owners
from agentops.rollout.preflight_pods import deployment, sharing
from agentops.rollout.preflight_reach import reach
from agentops.rollout.preflight_room import room
from agentops.rollout.preflight_traffic import route_of, traffic
from agentops.rollout.rbac import Need, needs
from agentops.rollout.workload import Workload
from agentops.text import one_line

IMAGE = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")
"""An image by digest, the only way in which one is rolled out."""


@dataclass(frozen=True, slots=True)
class Found:
    """What preflight saw. `work` are the team's objects, None where they are not there; `missing` are rights that the
    credentials lack."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    missing: tuple[Need, ...] = ()
    work: Workload | None = None

    @property
    def ready(self) -> bool:
        """Whether nothing refuses the rollout."""
        return not self.problems


class _Told:
    """What was found so far."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def check(self, what: str, look: Callable[[], tuple[list[str], list[str]]]) -> bool:
        """Take in one look, and tell whether it found no problem. What could not be looked at is no pass."""
        try:
            problems, warnings = look()
        except ApiDown:
            raise
        except (ClusterError, UsageError) as error:
            problems, warnings = [_line(error) if isinstance(error, UsageError) else _unseen(what, error)], []
        self.problems += problems
        self.warnings += warnings
        return not problems


def preflight(cluster: Cluster, place: Place, image: str, *, mode: str, route: str | None = None) -> Found:
    """Look at everything that can be looked at. `mode` is the traffic mode in force, `route` the route that was chosen
    where the configuration names none. Writes nothing. Raises ApiDown where the API does not answer."""
    told = _Told()
    if not IMAGE.fullmatch(image):
        told.problems.append(f"the image {one_line(image, 120)} is not named by digest: use NAME@sha256:...")
    owner = delegate.owner_of(cluster, place)
    work = _work(cluster, place, told, needed=mode != "delegate")
    hpa = str(work.hpa["metadata"]["name"]) if work is not None and work.hpa is not None else None
    missing = _missing(cluster, place, mode=mode, hpa=hpa, route=route, owner=owner, told=told)
    still = told.check("the journal", lambda: (_under_way(cluster, place, work, mode=mode, route=route), []))
    if mode == "delegate":
        if owner is None:
            told.problems.append(
                f"no Rollout of Argo and no Canary of Flagger owns {place.deployment}: set another rollout.traffic"
            )
        told.warnings += applied(work) if work is not None else []
    elif still and work is not None:
        # Amid a rollout nothing is as it is meant to stay.
        told.check("the image", lambda: _image(cluster, work, image))
        told.check("owners", lambda: owners(place, work, owner=owner))
        told.check("the Deployment", lambda: deployment(place, work))
        told.check("labels", lambda: sharing(cluster, place, work, mode=mode))
        told.check("traffic", lambda: traffic(cluster, place, work, mode=mode, route=route))
        told.check("quotas", lambda: (room(cluster, place, work, mode=mode), []))
        told.check("network policies", lambda: (_reach(cluster, work, mode=mode), []))
    return Found(tuple(dict.fromkeys(told.problems)), tuple(dict.fromkeys(told.warnings)), missing, work)


def _work(cluster: Cluster, place: Place, told: _Told, *, needed: bool) -> Workload | None:
    """The team's objects. Where another controller does the work, there may be no Deployment."""
    try:
        return workload.read(cluster, place)
    except ApiDown:
        raise
    except UsageError as error:
        told.problems += [_line(error)] if needed else []
    except ClusterError as error:
        told.problems.append(_unseen(f"the Deployment {place.deployment}", error))
    return None


def _missing(
    cluster: Cluster,
    place: Place,
    *,
    mode: str,
    hpa: str | None,
    route: str | None,
    owner: delegate.Owner | None,
    told: _Told,
) -> tuple[Need, ...]:
    """The rights that the credentials do not have, all at once."""
    try:
        wanted = needs(place, mode, hpa=hpa, route=route, owner=owner)
    except UsageError as error:
        told.problems.append(_line(error))
        return ()
    here = [need for need in wanted if not need.namespace]
    lacking = tuple(
        need for need in here if not cluster.may(need.verb, need.kind, name=need.name, subresource=need.subresource)
    )
    if lacking:
        told.problems.append(
            f"the credentials may not: {'; '.join(str(need) for need in lacking)}: `agentops rollout rbac` prints it"
        )
    told.warnings += [
        f"whether the credentials may {need} in the namespace {need.namespace} was not asked"
        for need in wanted
        if need.namespace
    ]
    return lacking


def _under_way(cluster: Cluster, place: Place, work: Workload | None, *, mode: str, route: str | None) -> list[str]:
    """A rollout that has not ended, or left its marks without a journal."""
    names = workload.names_of(place)
    journal = Journal(cluster, names)
    try:
        state = journal.refresh()
    except ApiDown:
        raise
    except ClusterError as error:
        return [_line(error)]
    if state is not None and not state.phase.ended:
        return [
            f"the rollout {state.id} of {one_line(state.image, 120)} is under way ({state.phase.value}): "
            "`agentops rollout resume` goes on with it, `agentops rollout abort` ends it"
        ]
    held = [doc for doc in (work.deployment, work.service, work.hpa) if doc is not None] if work is not None else []
    found = route_of(cluster, place, mode=mode, route=route)
    return [
        f"{doc.get('kind', 'an object')} {doc['metadata']['name']} is held by the rollout "
        f"{one_line(notes(doc)[ID], 40)}, under way without a journal: `agentops rollout abort` puts it back"
        for doc in (*held, *found)
        if ID in notes(doc)
    ][:1]


def _image(cluster: Cluster, work: Workload, image: str) -> tuple[list[str], list[str]]:
    """The image is another one than stable's; stable's own can be found again."""
    name, now = work.deployment["metadata"]["name"], work.image
    digest = image.partition("@")[2]
    if now.partition("@")[2]:
        same = digest and now.partition("@")[2] == digest
        return ([f"{name} runs {digest[:19]} already: there is nothing to roll out"] if same else []), []
    running = {_digest(pod, work.container) for pod in cluster.list("Pod", labels=work.selector)}
    if digest and running == {digest}:
        return [f"{name} runs {digest[:19]} already, by the name {one_line(now, 120)}: name it by digest instead"], []
    return [], [
        f"{name} names its image by a tag ({one_line(now, 120)}): if it moves, the way back brings another image; "
        "name it by digest"
    ]


def _digest(pod: Doc, container: str) -> str:
    """The digest that a container of the pod runs."""
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        if status.get("name") == container:
            return str(status.get("imageID", "")).partition("@")[2]
    return ""


def _reach(cluster: Cluster, work: Workload, *, mode: str) -> list[str]:
    labels = workload.canary_labels(work, shared_entry=mode == "replicas")
    return reach(cluster, work, canary=labels, splitter=mode == "splitter")


def _line(error: AgentopsError) -> str:
    return f"{error.message}: {error.hint}" if error.hint else error.message


def _unseen(what: str, error: AgentopsError) -> str:
    return f"{what} could not be looked at: {_line(error)}"
