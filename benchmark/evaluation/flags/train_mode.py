"""Flag: a part of the model runs in training mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict

if TYPE_CHECKING:
    from torch import nn

    from benchmark.evaluation.flags.probe import Probe


class TrainMode(MeasuredCheck):
    """Number of modules in training mode during or after a decision, though the model was put in eval mode.

    Every module that runs is looked at, also one that the model uses without naming it among its `networks`, which
    nobody can put in eval mode.
    """

    id = "train_mode"
    threshold = "0 modules"
    meaning = "Dropout draws, or batch statistics move: the model measured is not the one that is deployed."
    source = "Carlini et al. 2019; torchattacks issues 21 and 124"

    def measure(self, probe: Probe) -> dict[str, Any]:
        import torch
        from torch.nn.modules.module import register_module_forward_pre_hook

        from benchmark.core.frozen import frozen

        training: dict[int, str] = {}

        def look(module: nn.Module, _inputs: object) -> None:
            if module.training:
                training[id(module)] = type(module).__name__

        with frozen(probe.model), torch.no_grad():
            handle = register_module_forward_pre_hook(look)
            try:
                probe.model.decide(probe.images, probe.noise)
            finally:
                handle.remove()
            for module in probe.model.modules():
                look(module, None)
        return {"n": len(probe), "modules": len(training), "kinds": sorted(set(training.values()))}

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        count = measured["modules"]
        verdict = Verdict.FAIL if count else Verdict.PASS
        return self.flag(verdict, float(count), measured["n"], ", ".join(measured["kinds"]))
