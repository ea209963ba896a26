"""The suite of most tests of whole runs."""

from __future__ import annotations

TINY = """
name = "tiny"
title = "A tiny grid"

[data]
name = "chest-phantom"
size = 28
count = 400

[classifier]
name = "small-cnn"
epochs = 2

[evaluation]
samples = 40
replicates = 2

[defense.none]
[defense.jpeg]

[robustness]
epsilon = "8/255"
probes = 4

[robustness.attack.fgsm]
[robustness.attack.pgd]
steps = 3
[robustness.attack.square]
queries = 5

[detection]
epsilon = "8/255"
[detection.attack.bim]
steps = 3
[detection.attack."bim+hfc"]
method = "bim"
objective = "hfc"
trained_on = "bim"
steps = 3

[detector.kd]
[detector.svm]
"""
