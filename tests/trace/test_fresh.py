"""What a log of calls alone takes for written: it decides which anonymous areas join."""

from pathlib import Path

import remaptrace

PAGE = 4096
BASE = 0x7F0000000000
OTHER = "mmap(NULL, 4096, PROT_READ, MAP_SHARED|MAP_ANONYMOUS, -1, 0) = 0x7e0000{:06x}\n"


def _reserve(pages: int) -> str:
    return (
        f"mmap(NULL, {pages * PAGE}, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0) = {BASE:#x}\n"
    )


def _commit(page: int, pages: int) -> str:
    place = BASE + page * PAGE
    flags = "MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS"
    return f"mmap({place:#x}, {pages * PAGE}, PROT_READ|PROT_WRITE, {flags}, -1, 0) = {place:#x}\n"


def _areas(log: Path, text: str) -> list[tuple[int, int]]:
    log.write_text(text)
    rows = remaptrace.replay(remaptrace.load(str(log))).vmas()
    open_ones = [v for v in rows if v.start >= BASE and "w" in v.perms]
    return [((v.start - BASE) // PAGE, (v.end - BASE) // PAGE) for v in open_ones]


def test_two_opened_parts_of_a_reservation_stay_apart_when_the_hole_between_them_is_opened(
    tmp_path: Path,
) -> None:
    """As the kernel had them in six logs of java (OpenJDK 17): metaspace and shared archives are committed so."""
    text = _reserve(16) + _commit(8, 2) + OTHER.format(0x1000) + _commit(0, 2) + OTHER.format(0x3000)
    assert _areas(tmp_path / "log", text + _commit(2, 6)) == [(0, 8), (8, 10)]


def test_pieces_opened_one_behind_the_other_are_not_taken_for_written_one_by_one(tmp_path: Path) -> None:
    """The tables of G1 are committed page by page before anything is written, and join what lies behind them."""
    text = _reserve(16) + _commit(8, 2) + OTHER.format(0x1000)
    text += "".join(_commit(page, 1) for page in range(8))
    assert _areas(tmp_path / "log", text) == [(0, 10)]


def test_anonymous_memory_over_a_file_is_not_taken_for_written(tmp_path: Path) -> None:
    """The loader maps .bss so, and maps other libraries before it writes there."""
    text = 'openat(AT_FDCWD, "/lib/x.so", O_RDONLY) = 3\n'
    text += f"mmap(NULL, {8 * PAGE}, PROT_READ, MAP_PRIVATE|MAP_DENYWRITE, 3, 0) = {BASE:#x}\n"
    text += _commit(4, 4) + OTHER.format(0x1000)
    place = BASE + 8 * PAGE
    text += f"mmap(NULL, {4 * PAGE}, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {place:#x}\n"
    text += OTHER.format(0x3000) + f"munmap({place:#x}, {PAGE}) = 0\n"
    text += _commit(8, 1)
    assert _areas(tmp_path / "log", text) == [(4, 12)]
