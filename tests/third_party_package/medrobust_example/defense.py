"""A defense that draws random numbers."""

from benchmark import Count, Share
from defenses import DefendedModel, Defense


class Dither(Defense):
    """Adds uniform noise before the classifier sees the image."""

    name = "dither"
    source = "Raff et al. 2019, Barrage of random transforms: one of its transforms"
    purifier = True
    randomized = True

    def __init__(self, *, width: Share = 0.1, votes: Count = 4) -> None:
        self.width = width
        self.votes = votes

    def defend(self, classifier):
        return DefendedModel(classifier, purify=self._dither, votes=self.votes, randomized=True)

    def _dither(self, x, noise):
        return (x + self.width * (noise.uniform(x.shape[1:]) - 0.5)).clamp(0, 1)
