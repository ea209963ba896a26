"""A study of what a purifier does to a clean image."""

from benchmark import Count
from benchmark.studies import Column, Findings, Study


class Brightness(Study):
    """How much darker or brighter a purifier makes its images."""

    name = "brightness"
    source = "this package"
    reading = "Mean over pixels and draws of the purified image less that of the clean one."

    def __init__(self, *, draws: Count = 4) -> None:
        self.draws = draws

    def run(self, subject):
        def change(rows):
            x = subject.images[rows].repeat_interleave(self.draws, 0)
            purified = subject.model.purify(x, subject.noise[rows].repeat(self.draws))
            return (purified - x).mean((1, 2, 3)).unflatten(0, (-1, self.draws)).mean(1)

        return Findings([Column(name="brightness")], [[subject.mean(subject.map(change))]])
