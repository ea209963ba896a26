"""The package's plug-ins keep medrobust's contracts."""

from medrobust_example.attack import Stripes
from medrobust_example.defense import Dither
from medrobust_example.detector import LogitGap
from medrobust_example.objective import SoftMargin
from medrobust_example.study import Brightness

from benchmark.testing import check_attack, check_defense, check_detector, check_objective, check_study


def test_attack():
    check_attack(Stripes)


def test_defense():
    check_defense(Dither)


def test_objective():
    check_objective(SoftMargin(scale=5.0))


def test_detector():
    check_detector(LogitGap)


def test_study():
    check_study(Brightness)
