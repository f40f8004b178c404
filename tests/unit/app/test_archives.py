"""Archives of somebody else's making: each is refused with a word, and nothing of it is put anywhere."""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
import subprocess
import tarfile
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pyrage
import pytest

from app.backups import archive, folder, sealing
from app.backups.archive import MANIFEST, Writer, again, members, squeeze, unsqueeze, verify
from app.backups.rows import Shape, parts, read_shape, rows
from kit.errors import Invalid

ROOT = Path(__file__).resolve().parents[3]


def sound(**content: bytes) -> bytes:
    out = BytesIO()
    writer = Writer(out)
    for name, one in content.items():
        writer.add(f"data/{name}", one)
    writer.close({"schema": "0001"})
    return out.getvalue()


def made(fill: Callable[[tarfile.TarFile], None]) -> BytesIO:
    out = BytesIO()
    with tarfile.open(mode="w", fileobj=out) as tar:
        fill(tar)
    return BytesIO(out.getvalue())


def member(name: str, content: bytes = b"", **changes: object) -> Callable[[tarfile.TarFile], None]:
    def fill(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        for field, value in changes.items():
            setattr(info, field, value)
        tar.addfile(info, BytesIO(content))

    return fill


def test_a_sound_one_is_read_as_it_was_written() -> None:
    written = sound(one=b"1", other=b"22")
    manifest = verify(BytesIO(written))
    assert manifest.facts == {"schema": "0001"}
    assert list(members(BytesIO(written)))[:2] == [("data/one", b"1"), ("data/other", b"22")]


@pytest.mark.parametrize(
    "name",
    [
        "../data/one",
        "data/../../etc/passwd",
        "/etc/passwd",
        "data//one",
        "data/./one",
        "data",
        "elsewhere/one",
        "data/" + "a/" * 10 + "b",
        "data\\one",
        "C:/data/one",
        "data/one\x1b[2Jtwo",
        "data/one\ntwo",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match=r"no name of a part|no plain file"):
        list(members(made(member(name, b"x"))))
    with pytest.raises(Invalid):
        Writer(BytesIO()).add(name, b"x")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_whatever_is_no_plain_file_is_refused(kind: bytes) -> None:
    with pytest.raises(Invalid, match="no plain file"):
        list(members(made(member("data/one", type=kind, linkname="/etc/passwd"))))


def test_headers_that_could_say_more_are_refused_before_they_are_read() -> None:
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        out = BytesIO()
        with tarfile.open(mode="w", fileobj=out, format=form) as tar:
            tar.addfile(tarfile.TarInfo("data/" + "é" * 300))
        with pytest.raises(Invalid, match="no plain file"):
            list(members(BytesIO(out.getvalue())))


def test_a_size_without_bounds_is_refused_before_it_is_read() -> None:
    info = tarfile.TarInfo("data/one")
    info.size = archive.MOST_BYTES + 1
    with pytest.raises(Invalid, match="larger than any"):
        list(members(BytesIO(info.tobuf(tarfile.USTAR_FORMAT))))


def test_a_part_that_swells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_UNPACKED", 1000)
    assert unsqueeze(squeeze(b"x" * 1000)) == b"x" * 1000
    for bomb in (gzip.compress(b"x" * 1001), squeeze(b"x") + b"more", squeeze(b"x")[:-1], b"nonsense"):
        with pytest.raises(Invalid):
            unsqueeze(bomb)


def test_what_is_not_as_the_manifest_says_is_refused() -> None:
    written = sound(one=b"1")
    manifest = dict(members(BytesIO(written)))[MANIFEST]

    def other(*fills: Callable[[tarfile.TarFile], None]) -> BytesIO:
        def fill_all(tar: tarfile.TarFile) -> None:
            for fill in fills:
                fill(tar)

        return made(fill_all)

    first, last = member("data/one", b"1"), member(MANIFEST, manifest)
    assert verify(other(first, last)).facts == {"schema": "0001"}
    for wrong, why in (
        (other(member("data/one", b"2"), last), "not as its manifest says"),
        (other(last), "not as its manifest says"),
        (other(first, member("data/two", b""), last), "not as its manifest says"),
        (other(first, first, last), "there twice"),
        (other(first), "manifest is missing"),
        (other(first, last, member("data/two", b"")), "follows its manifest"),
        (BytesIO(written[:1600]), "cut off"),
        (BytesIO(b""), "cut off"),
        (BytesIO(b"nonsense" * 1000), "cut off"),
    ):
        with pytest.raises(Invalid, match=why):
            verify(wrong)


def test_what_changes_after_it_was_verified_is_refused() -> None:
    manifest = verify(BytesIO(sound(one=b"1", other=b"22")))
    assert dict(again(BytesIO(sound(one=b"1", other=b"22")), manifest)) == {"data/one": b"1", "data/other": b"22"}
    for changed in (sound(one=b"1", other=b"33"), sound(one=b"1"), sound(one=b"1", other=b"22", more=b"")):
        with pytest.raises(Invalid, match="while it was read"):
            list(again(BytesIO(changed), manifest))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": 1}',
        b'{"format": 1, "members": [1]}',
        b'{"format": 1, "members": {"data/a": [Infinity, ""]}}',
        b"[" * 10**5,
    ],
)
def test_a_manifest_that_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(Invalid, match="manifest"):
        archive.read_manifest(text)


def test_a_form_of_later_is_named_as_such() -> None:
    with pytest.raises(Invalid, match="form 2") as told:
        archive.read_manifest(json.dumps({"format": 2, "members": {}}).encode())
    assert told.value.code == "backup_newer"


def test_rows_of_other_kinds_are_refused() -> None:
    shape = Shape("things", (("id", "whole"), ("name", "text"), ("hash", "bytes"), ("sum", "exact"), ("at", "time")))
    for line in (
        b"[]",
        b"{}",
        b"nonsense",
        b'["1","a","00","1","2026-11-26T00:00:00+00:00"]',
        b'[1,"a","zz","1",null]',
    ):
        with pytest.raises(Invalid, match="a row of things"):
            rows(shape, line)
    with pytest.raises(Invalid):
        rows(shape, b'[true,"a","00","1",null]')
    (found,) = rows(shape, b'[1,"a","00ff","-9",null]')
    assert found == {"id": 1, "name": "a", "hash": b"\x00\xff", "sum": -9, "at": None}
    for document in (
        {},
        {"name": "a", "columns": []},
        {"name": "a", "columns": [["b", "code"]]},
        {"name": "a", "columns": [["b", "text"], ["b", "text"]]},
        {"name": "a", "columns": [["b) --", "text"]]},
        {"name": "a\x1b[2J", "columns": [["b", "text"]]},
        None,
    ):
        with pytest.raises(Invalid):
            read_shape(document)


def test_rows_are_cut_into_parts() -> None:
    shape = Shape("things", (("id", "whole"),))
    found = list(parts(shape, ((number,) for number in range(12_000))))
    assert [count for count, _ in found] == [5_000, 5_000, 2_000]
    assert [row["id"] for _, part in found for row in rows(shape, part)] == list(range(12_000))
    with pytest.raises(Invalid, match="more rows than any"):
        rows(shape, b"[1]\n" * 5_001)


def test_what_no_database_takes_is_refused_when_it_is_read() -> None:
    shape = Shape("things", (("id", "whole"), ("sum", "exact"), ("at", "time")))
    for line in (
        f"[{2**63},null,null]",
        f'[1,"{10**78}",null]',
        '[1,null,"2026-11-26T00:00:00"]',
    ):
        with pytest.raises(Invalid, match="a row of things"):
            rows(shape, line.encode())


def test_a_seal_opens_for_its_passphrase_alone_and_hides_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "sealed"
    secret = b"a secret" * 20_000
    with file.open("wb") as raw, sealing.sealed(raw, "right") as stream:
        stream.write(secret)
    assert sealing.is_sealed(file)
    assert b"a secret" not in file.read_bytes()
    key = sealing.key_of(file, "right")
    with sealing.opened(file, key) as stream:
        assert stream.read() == secret
    with pytest.raises(Invalid, match="passphrase is another"):
        sealing.key_of(file, "wrong")
    with sealing.opened(file, key) as stream:
        assert stream.read(8) == b"a secret"  # whoever has enough may go


def test_a_seal_is_two_files_of_age_that_sed_takes_apart(tmp_path: Path) -> None:
    file = tmp_path / "sealed"
    written = sound(one=bytes(range(256)) * 1000)
    with file.open("wb") as raw, sealing.sealed(raw, "right") as stream:
        stream.write(written)
    commands = re.findall(r"^ +sed '([^']+)' FILE \| age", (ROOT / "docs/operating.md").read_text(), re.MULTILINE)
    first, second = (
        subprocess.run(["sed", words, str(file)], env={"LC_ALL": "C"}, capture_output=True, check=True).stdout
        for words in commands
    )
    key = pyrage.x25519.Identity.from_str(pyrage.passphrase.decrypt(first, "right").decode())
    assert pyrage.decrypt(second, [key]) == written


def test_a_disk_that_is_full_is_told(tmp_path: Path) -> None:
    class Full(BytesIO):
        def write(self, data: bytes) -> int:  # type: ignore[override]  # what is written here
            if self.tell() > 10_000:
                raise OSError(28, "No space left on device")
            return super().write(data)

    def fill() -> None:
        with sealing.sealed(Full(), "right") as stream:
            stream.write(b"x" * 10**6)

    with pytest.raises(OSError, match=r"No space|Broken pipe"):
        fill()
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_put_is_its_owners_alone_and_takes_the_place_of_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("not yours")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "key").symlink_to(outside)
    folder.put(tmp_path / "in" / "key", b"mine")
    assert outside.read_text() == "not yours"
    assert (tmp_path / "in" / "key").read_bytes() == b"mine"
    assert (tmp_path / "in" / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", ["WAL", "PERSIST"])
def test_a_database_that_is_put_is_not_mended_by_what_the_one_before_left_beside_it(tmp_path: Path, mode: str) -> None:
    def made(name: str, secret: str, *more: str) -> sqlite3.Connection:
        made = sqlite3.connect(tmp_path / name, isolation_level=None)
        for command in (f"PRAGMA journal_mode={mode}", "CREATE TABLE keys (secret TEXT)", *more):
            made.execute(command)
        made.execute("INSERT INTO keys VALUES (?)", [secret])
        return made

    with closing(made("in-backup.db", "restored", "CREATE TABLE more (a TEXT)")):
        kept = folder.content(tmp_path / "in-backup.db")
    assert kept is not None
    with closing(made("lived.db", "of before", "PRAGMA cache_size=1")) as lived:
        if mode == "PERSIST":  # killed in the midst of a transaction: the journal says how to undo it
            lived.execute("BEGIN")
            for _ in range(200):
                lived.execute("INSERT INTO keys VALUES (hex(randomblob(3000)))")
        left = {path.name.removeprefix("lived"): path.read_bytes() for path in tmp_path.glob("lived.db-*")}
    assert left
    for name, content in left.items():  # as they were when it was killed
        (tmp_path / f"killed{name}").write_bytes(content)
    (tmp_path / "killed.db").write_bytes(b"")
    folder.put(tmp_path / "killed.db", kept)
    assert sorted(path.name for path in tmp_path.glob("killed.db*")) == ["killed.db"]
    with closing(sqlite3.connect(tmp_path / "killed.db")) as again:
        assert again.execute("SELECT secret FROM keys").fetchall() == [("restored",)]
        assert again.execute("PRAGMA integrity_check").fetchone() == ("ok",)
