"""What commands print as JSON says the same as what they print for people, in shapes that agree."""

from __future__ import annotations

import json

import pytest

from benchmark.core.exit_status import ExitStatus
from benchmark.core.harmless import harmless
from tests.run.tiny import TINY

ENTRY = {"kind", "name", "summary", "source", "version", "origin", "traits", "parameters"}


def parsed(answer):
    assert harmless(answer.out) == answer.out
    return json.loads(answer.out, parse_constant=pytest.fail)


def test_describe_has_what_list_has_and_more(medrobust, plugin_file):
    listed = {entry["name"]: entry for entry in parsed(medrobust("list", "attack", "--json"))}
    described = parsed(medrobust("describe", "attack:pgd", "--json"))
    assert {name: described[name] for name in ENTRY} == listed["pgd"]
    assert described["threat_model"].startswith("white-box")
    assert "\n" in described["description"]
    mine = parsed(medrobust("describe", "mine", "--plugin", plugin_file, "--json"))
    assert mine["traits"]["randomized"] is True
    assert mine["a_fair_row_needs"]
    # JSON has no infinity.
    assert mine["parameters"][0]["default"] == "inf"


@pytest.mark.parametrize("name", ["suite:chest-xray", "flag:sample_size", "defense:jpeg", "dataset:image-folder"])
def test_describe_has_kind_and_name_of_everything(name, medrobust):
    found = parsed(medrobust("describe", name, "--json"))
    assert f"{found['kind']}:{found['name']}" == name


def test_the_data_sets_are_the_same_in_where_check_and_doctor(medrobust, tmp_path):
    (tmp_path / "pneumoniamnist.npz").write_bytes(b"no archive")
    where = parsed(medrobust("data", "where", "--data-root", tmp_path, "--json"))
    answer = medrobust("data", "check", "--data-root", tmp_path, "--json")
    check = parsed(answer)
    assert where["data_root"] == check["data_root"] == str(tmp_path)
    assert [entry["name"] for entry in where["datasets"]] == [entry["name"] for entry in check["datasets"]]
    broken = next(entry for entry in check["datasets"] if entry["name"] == "pneumoniamnist")
    assert (broken["found"], broken["usable"]) == (True, False)
    assert "pneumoniamnist" in broken["problem"]
    assert answer.status == ExitStatus.REFUSED
    missing = [entry for entry in check["datasets"] if not entry["found"]]
    assert missing
    assert not any(entry["usable"] or entry["counts"] for entry in missing)


def test_the_doctor_tells_problems_and_their_remedies(medrobust, tmp_path):
    found = parsed(medrobust("doctor", "--data-root", tmp_path, "--json"))
    assert found["problems"] == []
    assert found["plugins"]["attack"] > 20
    assert set(found["machine"]) >= {"cores", "free_memory", "device"}
    assert found["data"]["pneumoniamnist"] == "not there"


def test_the_doctor_of_a_run_folder_names_what_is_wrong(medrobust, tmp_path):
    suite, run = tmp_path / "small.toml", tmp_path / "run"
    text = TINY[: TINY.index("[detection]")].replace("probes = 4", "probes = 0").replace("count = 400", "count = 120")
    suite.write_text(text[: text.index("[robustness.attack.pgd]")].replace("[defense.jpeg]\n", ""), encoding="utf-8")
    assert medrobust("run", "--suite", suite, "--out", run, "--quiet").status == ExitStatus.DONE
    assert parsed(medrobust("doctor", "--run", run, "--json")) == {"problems": []}
    board = parsed(medrobust("leaderboard", "show", "--run", run, "--json"))
    assert "none" in {row["defense"] for row in board["rows"]}
    compared = parsed(medrobust("leaderboard", "compare", run, run, "--json"))
    assert compared
    (run / "rows.csv").write_text("forged", encoding="utf-8")
    answer = medrobust("doctor", "--run", run, "--json")
    (problem,) = parsed(answer)["problems"]
    assert "rows.csv" in problem["problem"]
    assert problem["remedy"]
    assert answer.status == ExitStatus.REFUSED
