"""What fresh draws of a randomized defense say."""

from __future__ import annotations

from leaderboard.randomness.table import randomness_table
from leaderboard.robustness.of_rows import OfRows
from leaderboard.text import markdown_table


class Randomness(OfRows):
    """Randomized defenses alone: any step, the final image, and the worst of its draws."""

    page = "attacks"

    def markdown(self) -> list[str]:
        random = [row for row in self.table if row.clean_spread]
        if not random:
            return []
        return [
            "## Randomized defenses",
            markdown_table(*randomness_table(random)),
            "Accuracy in per cent. Any step: an image is broken once a candidate of any step was confirmed with fresh "
            "draws. Final image: mean ± standard deviation of N new decisions on what was submitted last; an image "
            "that was not attacked counts with its N decisions on the clean image, so that all lines are of the same "
            "images. Worst of N: share of images right in all of them.",
        ]
