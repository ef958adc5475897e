"""Independent outputs: one fit each, and the networks side by side."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from splinear.core.certificate import Certificate, Kind
from splinear.core.result import Result
from splinear.core.status import Status
from splinear.shallow._task import Task
from splinear.shallow.net import ShallowNet


def each_output(
    task: Task, fit: Callable[[Task], Result[ShallowNet]]
) -> Result[ShallowNet]:
    """Fit every output by itself: then the norm is the sum of absolute values."""
    results = []
    for c in range(task.problem.n_outputs):
        problem = replace(task.problem, Y=np.ascontiguousarray(task.problem.Y[:, [c]]))
        results.append(
            fit(replace(task, problem=problem, out_center=task.out_center[[c]]))
        )
    if len(results) == 1:
        return results[0]
    return Result(
        _side_by_side([result.value for result in results]),
        _worst([result.status for result in results]),
        _sum([result.certificate for result in results]),
        sum(result.objective for result in results),
        _totals([dict(result.stats) for result in results]),
    )


def _side_by_side(nets: list[ShallowNet]) -> ShallowNet:
    counts = [net.n_neurons for net in nets]
    coef = np.zeros((sum(counts), len(nets)))
    ends = np.cumsum(counts)
    for c, net in enumerate(nets):
        coef[ends[c] - counts[c] : ends[c], c] = net.coef[:, 0]
    return ShallowNet(
        np.vstack([net.directions for net in nets]),
        np.concatenate([net.offsets for net in nets]),
        coef,
        np.hstack([net.skip for net in nets]),
        np.concatenate([net.intercept for net in nets]),
        nets[0].order,
        nets[0].activation,
    )


def _worst(statuses: list[Status]) -> Status:
    return max(statuses, key=list(Status).index)


def _sum(proofs: list[Certificate]) -> Certificate:
    """Gaps and bounds add up; the kind is the weakest one."""
    kinds: tuple[Kind, ...] = ("exact", "bounded", "heuristic")
    kind = kinds[max(kinds.index(proof.kind) for proof in proofs)]
    return Certificate(
        kind,
        sum(proof.gap for proof in proofs),
        max(proof.relative_gap for proof in proofs),
        sum(proof.bound for proof in proofs),
        min(proof.starts for proof in proofs),
    )


def _totals(stats: list[dict[str, Any]]) -> dict[str, Any]:
    total = {"n_iter", "seconds", "n_neurons"}
    return {
        name: (sum if name in total else max)(part[name] for part in stats)
        for name in stats[0]
    }
