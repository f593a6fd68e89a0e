"""Program headers: what execve maps of an ELF file, and where its own loader makes it read-only.

Only the headers are read. A set keeps those that it needs in ``elf/headers.json``, so that a replay elsewhere knows
the areas behind an exec without the files.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...abi.mman import PROT_EXEC, PROT_READ, PROT_WRITE
from ...errorcodes import RT_SET
from ...errors import InputError
from ...lateclasses import dataclass
from ...outfile import write_file

KEPT = "elf/headers.json"
"""Where a recorded set keeps program headers, by the path that was executed."""

_EXEC, _DYN = 2, 3
_PT_LOAD, _PT_INTERP, _PT_GNU_STACK, _PT_GNU_RELRO = 1, 3, 0x6474E551, 0x6474E552
_HEAD = 1 << 16
"""Bytes of a file in which its headers are looked for; linkers put them first."""

_SCRIPTS = 4
"""Interpreters of scripts that may be scripts themselves (BINPRM_MAX_RECURSION)."""


@dataclass(frozen=True)
class Load:
    """A PT_LOAD segment; `prot` is PROT_*."""

    offset: int
    vaddr: int
    filesz: int
    memsz: int
    prot: int


@dataclass(frozen=True)
class Headers:
    """What execve reads of a file. `relro` is (vaddr, bytes), (0, 0) if there is none."""

    fixed: bool  # ET_EXEC: it lies where its addresses say
    loads: tuple[Load, ...]
    relro: tuple[int, int]
    interpreter: str
    size: int  # of the file, bytes
    script: str = ""  # the path of a script's interpreter; then nothing else is known
    machine: int = 0  # EM_* of the architecture, 0: not kept
    exec_stack: bool = False  # PT_GNU_STACK with PF_X: execve makes the stack executable

    def relro_pages(self, page: int) -> tuple[int, int]:
        """(start, length) of the mprotect that a loader makes for RELRO, before the load address is added.

        Whole pages only, the end rounded down (glibc elf/dl-reloc.c _dl_protect_relro, musl ldso reloc_all).
        """
        start = self.relro[0] & -page
        return start, ((self.relro[0] + self.relro[1]) & -page) - start

    def span(self, page: int) -> int:
        """Bytes, in whole pages, of the first mapping that a loader makes of it: all of it, to find the place."""
        low = min(load.vaddr for load in self.loads) & -page
        return _up(max(load.vaddr + load.memsz for load in self.loads) - low, page)

    def areas(self, base: int, page: int) -> list[tuple[int, int, int, int, bool]]:
        """(start, end, prot, offset, of the file) of what execve maps at load address `base`, by address.

        Behind the bytes of the file a segment goes on with anonymous memory: .bss (fs/binfmt_elf.c elf_load;
        load_elf_binary and set_brk before 6.10).
        """
        out = []
        for load in self.loads:
            start = base + (load.vaddr & -page)
            stored = base + _up(load.vaddr + load.filesz, page) if load.filesz else start
            end = base + _up(load.vaddr + load.memsz, page)
            if stored > start:
                out.append((start, stored, load.prot, load.offset & -page, True))
            if end > stored:
                out.append((stored, end, load.prot, 0, False))
        return out


def _up(value: int, page: int) -> int:
    return (value + page - 1) & -page


def read_headers(data: bytes, size: int) -> Headers | None:
    """The headers of a file that begins with `data` and has `size` bytes; None if it is no ELF file or script."""
    if data[:2] == b"#!":
        words = data[2:256].split(b"\n", 1)[0].split()
        return Headers(False, (), (0, 0), "", size, words[0].decode("utf-8", "replace")) if words else None
    if len(data) < 64 or data[:4] != b"\x7fELF" or data[4] not in (1, 2) or data[5] not in (1, 2):
        return None
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    kind, machine = struct.unpack_from(f"{order}HH", data, 16)
    at = struct.unpack_from(f"{order}Q" if wide else f"{order}I", data, 32 if wide else 28)[0]
    each, count = struct.unpack_from(f"{order}HH", data, 54 if wide else 42)
    if kind not in (_EXEC, _DYN) or each < (56 if wide else 32) or at + each * count > len(data):
        return None
    loads: list[Load] = []
    relro, interpreter, exec_stack = (0, 0), "", False
    for row in range(at, at + each * count, each):
        if wide:
            sort, flags, offset, vaddr, _, filesz, memsz, _ = struct.unpack_from(
                f"{order}IIQQQQQQ", data, row
            )
        else:
            sort, offset, vaddr, _, filesz, memsz, flags, _ = struct.unpack_from(f"{order}8I", data, row)
        if sort == _PT_LOAD and memsz:
            loads.append(Load(offset, vaddr, filesz, memsz, _prot(flags)))
        elif sort == _PT_GNU_RELRO:
            relro = (vaddr, memsz)
        elif sort == _PT_GNU_STACK:
            exec_stack = bool(_prot(flags) & PROT_EXEC)
        elif sort == _PT_INTERP:
            interpreter = data[offset : offset + filesz].split(b"\0", 1)[0].decode("utf-8", "replace")
    if not loads:
        return None
    return Headers(
        kind == _EXEC, tuple(loads), relro, interpreter, size, machine=machine, exec_stack=exec_stack
    )


def _prot(flags: int) -> int:
    """PROT_* of PF_*: the same three bits the other way round."""
    return (flags >> 2 & 1) * PROT_READ | (flags >> 1 & 1) * PROT_WRITE | (flags & 1) * PROT_EXEC


_EM_386, _EM_X86_64 = 3, 62
_MACHINES = {
    "x86_64": (_EM_X86_64, _EM_386),
    "i386": (_EM_386,),
    "ia32": (_EM_386, _EM_X86_64),
    "arm64": (183,),
    "arm": (40,),
    "riscv64": (243,),
    "loongarch64": (258,),
    "ppc64le": (21,),
    "s390x": (22,),
}
"""EM_* of the programs that a machine executes, by the beginning of its name (include/uapi/linux/elf-em.h)."""


def machines_of(arch: str | None) -> tuple[int, ...]:
    """EM_* of the programs of a log of `arch`, None: x86_64; none for pages that are not of 4 KiB."""
    name = arch or "x86_64"
    if name.endswith(("-16k", "-64k")):
        return ()
    return _MACHINES.get(name.partition("-")[0], ())


class Files:
    """Headers by path: those that a set keeps, else those of files on this machine that are programs for `arch`.

    A path that is not absolute is looked for beside the log, then in the working directory.
    """

    def __init__(self, folder: Path | None = None, arch: str | None = None) -> None:
        self.arch, self._folder = arch, folder
        self._machines = machines_of(arch)
        self._kept = _read_kept(folder / KEPT) if folder is not None and (folder / KEPT).is_file() else {}
        self._known: dict[str, tuple[Headers | None, str]] = {}

    def find(self, path: str) -> tuple[Headers | None, str]:
        """The headers of what is executed as `path`, and where they come from, in words."""
        if path not in self._known:
            self._known[path] = self._look(path)
        return self._known[path]

    def _look(self, path: str) -> tuple[Headers | None, str]:
        for _ in range(_SCRIPTS):
            found, where = self._one(path)
            if found is None or not found.script:
                return found, where
            path = found.script
        return None, ""

    def _one(self, path: str) -> tuple[Headers | None, str]:
        kept = self._kept_as(path)
        if kept:
            return self._kept[kept], f"kept in {KEPT}" + (f" as {kept}" if kept != path else "")
        places = [Path(path)]
        if not path.startswith("/"):
            places = [*([self._folder / path] if self._folder is not None else []), Path(path)]
        for place in places:
            headers = of_file(place)
            if headers is not None and (headers.script or headers.machine in self._machines):
                return headers, f"{place} on this machine"
        return None, ""

    def _kept_as(self, path: str) -> str:
        """The name under which the headers of `path` are kept; "" if they are not.

        What is mapped is kept by where it lies; it may be executed by a link or from a working directory.
        """
        if path in self._kept:
            return path
        name = path.rpartition("/")[2]
        tail = "/" + path.removeprefix("./").lstrip("/")
        for fits in (
            [kept for kept in self._kept if kept.endswith(tail)],
            [kept for kept in self._kept if kept.endswith(f"/{name}")],
            [kept for kept in self._kept if kept.rpartition("/")[2].startswith(name)],
        ):
            if name and len({self._kept[kept] for kept in fits}) == 1:
                return fits[0]
        return ""

    def are_kept(self, path: str) -> bool:
        """Whether the headers of `path` came with the log."""
        return path in self._kept


def of_file(path: Path) -> Headers | None:
    """The headers of the file at `path`; None if it cannot be read or is no program."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return read_headers(file.read(_HEAD), path.stat().st_size)
    except (OSError, ValueError):
        return None


def keep_headers(folder: Path, paths: Iterable[str], beside: Path | None = None) -> int:
    """Write ``elf/headers.json`` of the set in `folder`: the headers of `paths` and of their interpreters.

    Paths that are not absolute are looked for in `beside`, if given. Files that cannot be read are left
    out. How many were kept. OSError if it cannot be written.
    """
    kept: dict[str, Any] = {}
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        place = Path(path) if path.startswith("/") else beside / path if beside is not None else None
        headers = None if path in kept or place is None else of_file(place)
        if headers is not None:
            kept[path] = asdict(headers)
            waiting += [p for p in (headers.interpreter, headers.script) if p]
    if kept:
        (folder / KEPT).parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(dict(sorted(kept.items())), indent=1) + "\n"
        write_file(folder / KEPT, [text.encode()])
    return len(kept)


def _read_kept(path: Path) -> dict[str, Headers]:
    try:
        found = json.loads(path.read_bytes())
        return {name: _headers(entry) for name, entry in found.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise InputError(
            RT_SET, "these are no kept program headers", str(path), expected="what 'record' writes"
        ) from None


def _headers(entry: Mapping[str, Any]) -> Headers:
    loads = tuple(Load(**{k: int(v) for k, v in load.items()}) for load in entry["loads"])
    start, length = map(int, entry["relro"])
    return Headers(
        bool(entry["fixed"]),
        loads,
        (start, length),
        str(entry["interpreter"]),
        int(entry["size"]),
        str(entry["script"]),
        int(entry.get("machine", 0)),
        bool(entry.get("exec_stack", False)),
    )
