"""``earnest standing``: any file of ratings is read or refused in one line, and the figures promised are reached."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main

ROOT = Path(__file__).resolve().parents[3]
REAL = ROOT.parent / "shared" / "data" / "soc-sign-bitcoinotc.csv"
real = pytest.mark.skipif(not REAL.is_file(), reason="the ratings of ../shared/data are not here")

HEADER = "FROM_NODE,TO_NODE,TRUST_INDEX,TIME_SINCE_EPOCH"
FARM = ("--sybils", "40", "--tricked", "5", "--density", "3,20")


def standing(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["standing", *arguments])


def lines() -> list[str]:
    """Ratings of sixty people, of whom ten are bad and mostly rated so."""
    chance = random.Random(4)
    found = {}
    for at in range(1500):
        by, of = chance.sample(range(60), 2)
        good = (chance.random() < 0.9) == (of >= 10)
        found[by, of] = f"u{by},u{of},{chance.randint(1, 10) * (1 if good else -1)},{1_300_000_000 + 60 * at}.5"
    return list(found.values())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "ratings.csv", [HEADER, *lines()])


def written(path: Path, rows: Sequence[str]) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_evaluate_says_how_well_it_predicts(file: Path) -> None:
    said = standing("evaluate", str(file), "--json", "--quorum", "1", "--seed", "3")
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert list(found) == ["protocol", "quorum", "auc", "scored", "coverage"]
    assert (found["protocol"], found["quorum"]) == ("rolling", 1)
    assert 0.7 < found["auc"] <= 1
    assert 0.9 < found["coverage"] <= 1
    assert found["scored"] == round(0.4 * len(lines()))
    plain = standing("evaluate", str(file), "--quorum", "1")
    assert f"AUC {found['auc']:.3f}" in plain.stdout
    secret = json.loads(standing("evaluate", str(file), "--json", "--quorum", "1", "--audience", "trusted").stdout)
    assert secret["coverage"] < found["coverage"]


def test_attack_says_what_a_farm_gains_and_the_same_seed_the_same(file: Path) -> None:
    said = standing("attack", str(file), *FARM, "--own", "1", "--json")
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert [list(gain) for gain in found] == [["density", "own", "quorum", "auc", "leak", "honest_pass"]] * 2
    assert [(gain["density"], gain["own"], gain["quorum"]) for gain in found] == [(3, 1, 2), (20, 1, 2)]
    assert all(0 <= gain[name] <= 1 for gain in found for name in ("auc", "leak", "honest_pass"))
    assert standing("attack", str(file), *FARM, "--own", "1", "--json").stdout == said.stdout
    assert standing("attack", str(file), *FARM, "--own", "1", "--json", "--seed", "2").stdout != said.stdout
    alone = json.loads(standing("attack", str(file), *FARM, "--own", "1", "--json", "--quorum", "1").stdout)
    assert alone[0]["auc"] < found[0]["auc"], "without a quorum one tricked friend lets the farm in"


@pytest.mark.parametrize(
    ("header", "mark", "order", "options"),
    [
        ("rater,ratee,rating,time", ",", (0, 1, 2, 3), ()),
        ("Timestamp;Target;Source;Weight", ";", (3, 1, 0, 2), ()),
        ("when\tvalue\tsrc\tdst", "\t", (3, 2, 0, 1), ()),
        (None, ",", (0, 1, 2, 3), ()),
        (None, " ", (0, 1, 2, 3), ()),
        (None, ",", (3, 2, 1, 0), ("--columns", "rater=4,ratee=3,rating=2,time=1")),
        ("a,b,c,d", ",", (0, 1, 2, 3), ("--columns", "rater=a,ratee=b,rating=c,time=d")),
        ("who,b,score,day", ",", (0, 1, 2, 3), ("--columns", "ratee=b")),
    ],
)
def test_columns_are_found_or_told(
    tmp_path: Path, file: Path, header: str | None, mark: str, order: Sequence[int], options: Sequence[str]
) -> None:
    rows = [mark.join(row.split(",")[place] for place in order) for row in lines()]
    other = written(tmp_path / "other.txt", [*([header] if header else []), "# a remark", "", *rows])
    said = standing("evaluate", str(other), "--json", *options)
    assert said.exit_code == 0, said.output
    assert said.stdout == standing("evaluate", str(file), "--json").stdout


def test_dates_gzip_and_lines_that_say_nothing_are_read(tmp_path: Path) -> None:
    rows = ["rater,ratee,vote,date", "a,a,1,2020-01-01", 'a,"b",0,2020-01-02', *lines()]
    packed = tmp_path / "ratings.csv.gz"
    packed.write_bytes(gzip.compress("\n".join(rows).encode()))
    said = standing("evaluate", str(packed))
    assert said.exit_code == 0, said.output
    assert "(2 lines say nothing of anybody else)" in said.output


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([HEADER, "1,2,3,4", "1,2,nan,4"], "line 3: 'nan' is no rating"),
        ([HEADER, "1,2,x,4"], "line 2: 'x' is no rating"),
        ([HEADER, "1,2,3"], "line 2: 3 columns, where 4 are needed"),
        ([HEADER, "1,2,3,soon"], "line 2: 'soon' is no time"),
        ([HEADER, ",2,3,4"], "line 2: no rater or ratee"),
        ([HEADER, "1,2,3," + "4" * 20_000], "line 2: longer than"),
        ([HEADER], "there is no rating in it"),
        (["a,b,c,d", "1,2,3,4"], "is called like a rater: name it by --columns rater="),
        ([HEADER, "1,2,3,4", "3,4,3,5"], "no rating has both ends known"),
        ([HEADER, *["1,2,3,4", "2,1,3,4"] * 4], "all ratings that are predicted are good"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path, rows: Sequence[str], sentence: str) -> None:
    said = standing("evaluate", str(written(tmp_path / "wrong.csv", rows)))
    assert said.exit_code == 1
    assert sentence in said.output
    assert len(said.output.strip().splitlines()) == 1


def test_what_is_no_text_or_not_whole_is_told_too(tmp_path: Path, file: Path) -> None:
    (tmp_path / "half.gz").write_bytes(gzip.compress(b"1,2,3,4\n" * 1000)[:40])
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("half.gz", "binary.csv"):
        said = standing("evaluate", str(tmp_path / name))
        assert said.exit_code == 1
        assert len(said.output.strip().splitlines()) == 1
    for wrong in ("", "x", "-1", "20,"):
        assert (standing("attack", str(file), *FARM[:4], "--density", wrong).exit_code == 0) == (wrong == "20,")
    assert standing("attack", str(file), *FARM[:4], "--density", "40").exit_code == 1
    assert standing("evaluate", str(file), "--columns", "rater=nobody").exit_code == 1


@real
def test_a_small_part_of_real_ratings_is_predicted(tmp_path: Path) -> None:
    with REAL.open(encoding="utf-8") as ratings:
        rows = [next(ratings).rstrip() for _ in range(3000)]
    found = json.loads(standing("evaluate", str(written(tmp_path / "part.csv", rows)), "--json").stdout)
    assert found["auc"] > 0.6


@real
@pytest.mark.parametrize(("quorum", "least"), [(1, 0.84), (2, 0.82)])
def test_it_predicts_as_well_as_promised(quorum: int, least: float) -> None:
    found = json.loads(standing("evaluate", str(REAL), "--json", "--quorum", str(quorum)).stdout)
    assert found["auc"] >= least


@real
@pytest.mark.parametrize("own", [0, 1, 2])
def test_a_farm_gains_no_more_than_promised(own: int) -> None:
    for gain in json.loads(standing("attack", str(REAL), "--json", "--own", str(own)).stdout):
        assert gain["leak"] <= (0.05, 0.05, 0.25)[own], gain
        if own < 2:
            assert gain["auc"] >= 0.80, gain
            assert gain["honest_pass"] >= 0.60, gain
