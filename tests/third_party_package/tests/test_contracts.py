"""The package's plug-ins keep medrobust's contracts."""

from medrobust_example.attack import Stripes
from medrobust_example.defense import Dither
from medrobust_example.detector import LogitGap
from medrobust_example.objective import SoftMargin

from benchmark.testing import check_attack, check_defense, check_detector, check_objective


def test_attack():
    check_attack(Stripes)


def test_defense():
    check_defense(Dither)


def test_objective():
    check_objective(SoftMargin(scale=5.0))


def test_detector():
    check_detector(LogitGap)
