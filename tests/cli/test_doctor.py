"""`doctor`."""

from __future__ import annotations

import pytest

from benchmark.cli.installation import libraries


def test_a_healthy_installation_passes(medrobust, tmp_path):
    answer = medrobust("doctor", "--data-root", tmp_path)
    assert answer.status == 0, answer.out
    for line in ("Versions", "  torch: ", "Machine", "  cores: ", "  free memory: ", "  device: ", "not there"):
        assert line in answer.out
    assert answer.err == ""


def fake(folder, name, version, module, required=()):
    """An installed distribution whose module has this text."""
    (folder / f"{name}.py").write_text(module)
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    requires = "".join(f"Requires-Dist: {r}\n" for r in required)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}")


def test_a_torchvision_that_does_not_match_torch_gets_a_remedy(python, tmp_path):
    broken = 'raise RuntimeError("operator torchvision::nms does not exist")\n'
    fake(tmp_path, "torchvision", "0.20.0", broken, ["torch==2.5.0"])
    answer = python("-m", "benchmark", "doctor", path=(tmp_path,))
    assert answer.returncode == 2
    assert "torchvision: it does not import (RuntimeError: operator torchvision::nms does not exist)" in answer.stdout
    assert "pip install --force-reinstall torch==2.5.0 torchvision==0.20.0" in answer.stdout
    assert "Traceback" not in answer.stderr


@pytest.fixture
def examine(tmp_path, monkeypatch):
    """What is found of distributions made up for the test."""
    monkeypatch.syspath_prepend(tmp_path)
    fake(
        tmp_path,
        "wholething",
        "1.0",
        "",
        ["wholething-fine>=1.2", "wholething-old>=2.10", "wholething-absent>=1", 'wholething-extra>=9; extra == "x"'],
    )

    def examine():
        return {library.name: library for library in libraries("wholething")}

    fake(tmp_path, "wholething_fine", "1.10", "print('hello')\n")
    fake(tmp_path, "wholething_old", "2.9", "")
    return examine


def test_each_library_is_judged(examine, capsys):
    found = examine()
    assert set(found) == {"wholething-fine", "wholething-old", "wholething-absent"}
    assert found["wholething-fine"].problem == ""
    assert found["wholething-old"].problem == "2.10 or later is needed"
    assert found["wholething-absent"].problem == "it is not installed"
    assert capsys.readouterr().out == ""


def test_a_torchvision_built_for_another_torch_is_found_though_it_imports(tmp_path, monkeypatch):
    from types import SimpleNamespace

    import benchmark.cli.installation as installation

    monkeypatch.syspath_prepend(tmp_path)
    fake(tmp_path, "demo", "1.0", "", ["torchvision>=0.18"])
    fake(tmp_path, "torchvision", "0.20.0", "", ["torch==2.5.0"])
    working = SimpleNamespace(ops=SimpleNamespace(nms=None))
    monkeypatch.setattr(installation.importlib, "import_module", lambda name: working)
    (found,) = libraries("demo")
    assert "built for torch 2.5.0" in found.problem


def test_an_installation_that_is_not_one_says_so():
    (found,) = libraries("a-distribution-nobody-has")
    assert found.problem == "it is not installed"


def test_a_broken_installed_plugin_is_a_problem_with_its_name(medrobust, tmp_path, monkeypatch):
    (tmp_path / "bad_package.py").write_text("raise RuntimeError('out of order')\n")
    info = tmp_path / "bad-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[medrobust.plugins]\nbad = bad_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    answer = medrobust("doctor")
    assert answer.status == 2
    assert "entry point 'bad' of bad (bad_package)" in answer.out
    assert "remedy: fix or uninstall the package" in answer.out
