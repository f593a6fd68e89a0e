"""Images of machine code: what a linker would make of the same object, and nothing where it is not known how."""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from llvmlite import binding as llvm

from remaptrace.errors import ReplayError
from remaptrace.machinecode import image, linking, load
from remaptrace.machinecode.emit import object_of
from remaptrace.machinecode.target import LEVELS, SYMBOL, Level, level_machine, own_level

_CODE = """
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
@table = private constant [6 x i64] [i64 11, i64 22, i64 33, i64 44, i64 55, i64 66], align 16
define internal i64 @cold(i64 %x) noinline cold { %y = mul i64 %x, 3  ret i64 %y }
define internal i64 @kind(i64 %x) noinline {
  switch i64 %x, label %other [ i64 0, label %a i64 1, label %b i64 2, label %c i64 3, label %d i64 4, label %e ]
a: %ra = call i64 @cold(i64 %x)  ret i64 %ra
b: %rb = call i64 @cold(i64 70)  ret i64 %rb
c: %rc = call i64 @cold(i64 -5)  %sc = add i64 %rc, 9  ret i64 %sc
d: %rd = call i64 @cold(i64 400)  %sd = xor i64 %rd, 77  ret i64 %sd
e: ret i64 123456789123456
other: %p = getelementptr [6 x i64], ptr @table, i64 0, i64 %x  %v = load i64, ptr %p  ret i64 %v
}
define i64 @entry(ptr %to, i64 %size, i64 %kind) {
  call void @llvm.memset.p0.i64(ptr %to, i8 7, i64 %size, i1 false)
  %v = load <4 x i64>, ptr %to, align 8
  %w = add <4 x i64> %v, <i64 1, i64 20, i64 300, i64 4000>
  store <4 x i64> %w, ptr %to, align 8
  %r = call i64 @kind(i64 %kind)
  ret i64 %r
}
"""
_SEVEN = 0x0707070707070707


def made(level: Level, text: str = _CODE, **more: Any) -> bytes:
    machine = level_machine(level)
    module = llvm.parse_assembly(f'target triple = "{level.triple}"\n{text}')
    return object_of(module, machine)


def linked_by_ld(code: bytes, level: Level, folder: Path) -> tuple[int, bytes]:
    """Where the first section is, and all of them as GNU ld fills their places when they lie as in an image."""
    tools = f"{level.machine}-linux-gnu-"
    if not shutil.which(f"{tools}ld"):
        pytest.skip(f"no linker for {level.machine} is here")
    header = linking._HEADER.unpack_from(code)
    sections = [
        linking._Section(*linking._SECTION.unpack_from(code, header[6] + i * header[11]))
        for i in range(header[12])
    ]
    _, at = linking._laid_out(code, sections)
    names = {i: linking._name(code, sections[header[13]], one.name) for i, one in enumerate(sections)}
    cells = image.HEAD.unpack_from(linking.image_of(code, SYMBOL))[4]
    lines = [f". = {place}; {names[i]} : {{ *({names[i]}) }}" for i, place in at.items()]
    (folder / "script").write_text(
        f"SECTIONS {{ {' '.join(lines)} memset = {cells}; /DISCARD/ : {{ *(*) }} }}"
    )
    (folder / "code.o").write_bytes(code)
    commands = (["ld", "-T", "script", "-e", SYMBOL, "-o", "code.elf", "code.o"],
                ["objcopy", "-O", "binary", "code.elf", "code.bin"])  # fmt: skip
    for name, *words in commands:
        subprocess.run([tools + name, *words], cwd=folder, check=True, capture_output=True)
    return min(at.values()), (folder / "code.bin").read_bytes()


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_places_are_filled_as_a_linker_fills_them(level: Level, tmp_path: Path) -> None:
    code = made(level)
    first, expected = linked_by_ld(code, level, tmp_path)
    assert len(expected) > 200
    assert linking.image_of(code, SYMBOL)[first : first + len(expected)] == expected


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_an_image_is_the_same_each_time(level: Level) -> None:
    assert linking.image_of(made(level), SYMBOL) == linking.image_of(made(level), SYMBOL)


@pytest.fixture
def own() -> bytes:
    level = own_level()
    if level is None:
        pytest.skip("no level is for this processor")
    return linking.image_of(made(level), SYMBOL)


def no_memory_files(*_: object) -> int:
    raise PermissionError(1, "Operation not permitted")


@pytest.fixture(params=["a file without a name", "no such files, as in a sandbox"])
def memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways in which code is put into memory."""
    if "sandbox" in request.param:
        monkeypatch.setattr(os, "memfd_create", no_memory_files)


@pytest.mark.usefixtures("memory")
def test_an_image_runs(own: bytes) -> None:
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(
        image.placed(own)
    )
    for size in (32, 33, 4096):
        room = (ctypes.c_uint64 * 600)()
        assert [call(room, size, kind) for kind in range(6)] == [0, 210, -6, 1200 ^ 77, 123456789123456, 66]
        assert list(room[:4]) == [_SEVEN + 1, _SEVEN + 20, _SEVEN + 300, _SEVEN + 4000]
        assert bytes(room)[32 : size + 1] == b"\7" * (size - 32) + b"\0"


@pytest.mark.usefixtures("memory")
def test_pages_of_code_cannot_be_written(own: bytes) -> None:
    address = image.placed(own)
    for line in Path("/proc/self/maps").read_text().splitlines():
        low, high = (int(part, 16) for part in line.split()[0].split("-"))
        if low <= address < high:
            assert line.split()[1] == "r-xp"
            return
    raise AssertionError("the code is nowhere")


def test_where_no_memory_may_be_code_a_run_says_so(own: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_code: bytearray) -> mmap.mmap:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(image, "_mapped", refused)
    monkeypatch.setattr(image, "_changed", refused)
    monkeypatch.setattr(load, "shipped_address", lambda *_: 0)
    monkeypatch.setattr(load, "known_object", lambda *_: "kept")
    monkeypatch.setattr(load, "read_object", lambda _: own)
    with pytest.raises(ReplayError, match="cannot be put into memory") as error:
        load.Function("engine", "run.loop.replay").link()
    assert error.value.code == "RT605" and "Permission denied" in str(error.value.found)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"rtimage0" + data[8:],
        lambda data: data[:8] + struct.pack("<I", 3) + data[12:],
    ],
)
def test_what_is_no_image_for_this_machine_is_not_placed(own: bytes, spoil: Any) -> None:
    with pytest.raises(ValueError, match="image"):
        image.placed(spoil(own))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("declare i64 @f()\ndefine i64 @entry() { %r = call i64 @f() ret i64 %r }", "refers to f"),
        ("@x = global i64 5\ndefine i64 @entry() { %r = load i64, ptr @x ret i64 %r }", "."),
        ("@x = external global i64\ndefine i64 @entry() { %r = load i64, ptr @x ret i64 %r }", "."),
        ("@x = internal global i64 0\ndefine i64 @entry(i64 %v) { %r = load i64, ptr @x store i64 %v, ptr @x "
         "ret i64 %r }", "not in it"),
        ("define internal i64 @g() noinline optnone { ret i64 1 }\n"
         "@t = internal constant [2 x ptr] [ptr @g, ptr @entry]\ndefine i64 @entry(i64 %i) { "
         "%p = getelementptr [2 x ptr], ptr @t, i64 0, i64 %i %f = load ptr, ptr %p "
         "%r = call i64 %f() ret i64 %r }", "."),
    ],
    ids=["a function elsewhere", "data", "data elsewhere", "data that is written", "addresses in constants"],
)  # fmt: skip
@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_what_needs_more_than_code_and_constants_is_refused(level: Level, text: str, why: str) -> None:
    machine = level_machine(level)
    module = llvm.parse_assembly(f'target triple = "{level.triple}"\n{text}')
    with pytest.raises(linking.LinkError, match=why):
        linking.image_of(machine.emit_object(module), SYMBOL)


def test_other_files_are_refused() -> None:
    for code in (b"\x7fELF\x02\x01" + bytes(200), b"MZ" + bytes(200)):
        with pytest.raises(linking.LinkError, match="no object file"):
            linking.image_of(code, SYMBOL)


def test_distances_must_fit() -> None:
    assert linking._fitting(-4, 26, 2) == 0x3FF_FFFF
    for value, bits, scale in ((1 << 27, 26, 2), (-(1 << 27) - 4, 26, 2), (6, 26, 2), (1 << 31, 32, 0)):
        with pytest.raises(linking.LinkError, match="distance"):
            linking._fitting(value, bits, scale)


def test_where_images_are_not_known_llvm_links(monkeypatch: pytest.MonkeyPatch) -> None:
    from remaptrace.machinecode import build, load

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(_CODE)
    monkeypatch.setattr(build, "MACHINES", {})
    code = build.native_code(module)
    assert code.startswith(b"\x7fELF")
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(
        load._address(code)
    )
    room = (ctypes.c_uint64 * 8)()
    assert call(room, 64, 1) == 210
    assert os.uname().machine not in build.MACHINES


_HARNESS = """
    .text
    .globl _start
_start:
    adrp x19, image
    add x19, x19, :lo12:image
    ldr w1, [x19, #20]          // cells
    add x1, x19, x1
    adr x2, fill
    str x2, [x1, #8]
    adrp x0, room
    add x0, x0, :lo12:room
    mov x1, #{size}
    mov x2, #{kind}
    ldr w3, [x19, #16]          // entry
    add x3, x19, x3
    blr x3
    ldr x1, ={expected}
    cmp x0, x1
    cset w0, ne
    adrp x4, room
    add x4, x4, :lo12:room
    ldr x5, [x4, #8]
    ldr x6, =0x{second:x}
    cmp x5, x6
    cset w7, ne
    orr w0, w0, w7
    mov x8, #93                 // exit
    svc #0
fill:
    mov x9, x0
1:  cbz x2, 2f
    strb w1, [x9], #1
    sub x2, x2, #1
    b 1b
2:  ret
    .balign 4096
image:
    .incbin "image"
    .balign 64
room: .skip 4800
"""


@pytest.mark.parametrize(("kind", "expected"), [(1, 210), (2, -6), (3, 1200 ^ 77), (5, 66)])
def test_an_image_runs_on_an_emulated_arm(kind: int, expected: int, tmp_path: Path) -> None:
    tools = "aarch64-linux-gnu-"
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if not emulator or not shutil.which(f"{tools}as") or not shutil.which(f"{tools}ld"):
        pytest.skip("no emulator and tools for aarch64 are here")
    level = next(one for one in LEVELS if one.machine == "aarch64")
    (tmp_path / "image").write_bytes(linking.image_of(made(level), SYMBOL))
    text = _HARNESS.format(size=4096, kind=kind, expected=expected & (1 << 64) - 1, second=_SEVEN + 20)
    (tmp_path / "run.s").write_text(text)
    subprocess.run([f"{tools}as", "-o", "run.o", "run.s"], cwd=tmp_path, check=True)
    subprocess.run([f"{tools}ld", "-N", "-o", "run", "run.o"], cwd=tmp_path, check=True)
    assert subprocess.run([emulator, "./run"], cwd=tmp_path, check=False).returncode == 0
