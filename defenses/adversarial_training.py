"""Adversarial training with early stopping."""

from __future__ import annotations

from dataclasses import dataclass

from defenses.adversarial.method import PGDMethod


@dataclass(kw_only=True, eq=False, repr=False)
class AdversarialTraining(PGDMethod):
    """Trains the classifier further on PGD examples and keeps the epoch most robust on validation images.

    Training starts from the classifier's own weights. The inner maximisation is L∞ PGD from a random start, in eval
    mode; its ε grows from 0 during the first part of the training, which leaves a small network a little more robust
    than full strength from the start. The loss counts every class alike, so that calling every image by the commoner
    class does not pay. The epoch kept is the one with the best balanced accuracy under PGD on the validation images,
    and for two classes the operating threshold is the one that gives it.

    Args:
        epsilon: L∞ bound trained for, on pixels in [0, 1].
        steps: PGD steps on each training batch.
        step_size: Length of a step on pixels in [0, 1]; 2.5 · epsilon / steps by default (Madry et al. 2018, app. B).
        warm_up: Share of the training over which ε and the step grow linearly to full size.
        validation_steps: PGD steps when an epoch is judged.
        epochs, batch_size, optimizer, learning_rate, weight_decay, schedule, shift: As in `Recipe`.
    """

    name = "adversarial-training"
    source = "Madry et al. 2018, eq. 2.1; early stopping: Rice, Wong & Kolter 2020, sec. 3.3"
