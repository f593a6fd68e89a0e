"""A kernel image as the other side: a bzImage in qemu, or a User-mode Linux, with the runner as first process.

All programs go in with the initramfs and are done in one boot; the answers come out of the second serial line
(User-mode Linux: a file). No network, no modules, nothing else in the machine, and a disk with an empty ext4 only
where a program makes a file on it. An image that breaks down over a program is booted again with those behind it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from .. import errorcodes as ec
from ..errors import InputError, UsageError
from ..lateclasses import dataclass, field
from .cpio import archive, character_device, file, folder
from .imagefile import complaint, kind_of
from .launch import runner
from .wire import SECONDS, Answer, Reply, Where, framed, unframed

_BOOT = {"kvm": 30.0, "tcg": 180.0, "uml": 60.0}
"""Seconds that a machine may take before the runner's first words."""
_FIRST_WORD = 5.0
"""Seconds after which a virtual machine of kvm has written to its console, where kvm works."""
_PAUSE = 0.05
_MEMORY = 1024  # MiB
_DISK = 32 << 20  # bytes
_PROCESSOR = "max,la57=off"  # with protection keys under TCG; with the addresses of four levels
_COMMAND_LINE = "norandmaps transparent_hugepage=madvise panic=-1"

_EMULATED = "no_timer_check"
"""A timer of an emulator on a busy machine is late, which the kernel takes for broken wiring and gives up."""


@dataclass(frozen=True)
class Image:
    """The kernel in the file `path`. `kind`: bzimage or uml."""

    path: str
    kind: str
    seconds: float = SECONDS  # for one program
    emulator: str = "qemu-system-x86_64"
    _accelerators: ClassVar[list[str]] = []
    boot_seconds: dict[str, float] = field(default_factory=lambda: dict(_BOOT), compare=False)
    _places: list[Where] = field(default_factory=list, compare=False)  # what the first boot said
    boots: list[float] = field(
        default_factory=list, compare=False
    )  # seconds each boot took with its programs

    @classmethod
    def at(cls, path: str, seconds: float = SECONDS) -> Image:
        """The image in a file. InputError RT822 if it is none; UsageError RT824 without qemu for a bzImage."""
        kind = kind_of(path)
        if kind == "bzimage" and shutil.which(cls.emulator) is None:
            raise UsageError(
                ec.RT_NO_EMULATOR,
                "a bzImage needs an emulator",
                found=f"no {cls.emulator}",
                expected="qemu-system-x86",
            )
        return cls(path, kind, seconds)

    @property
    def name(self) -> str:
        """The file's name."""
        return Path(self.path).name

    def ask(self, programs: Sequence[str], *, areas: bool = False) -> Reply:
        """See `Transport.ask`. Raises InputError (RT823) if the image does not come to run programs."""
        answers: list[Answer] = []
        where = self._places[0] if self._places and not programs else None
        while where is None or len(answers) < len(programs):
            reply = self._boot(programs[len(answers) :], areas)
            where = where or reply.where
            if not reply.answers and len(answers) < len(programs):
                answers.append(Answer("", "missing"))
            answers += reply.answers
            self._places[:] = [where]
        return Reply(where, answers[: len(programs)], finished=True)

    def _boot(self, programs: Sequence[str], areas: bool) -> Reply:
        text = framed(programs, seconds=self.seconds, areas=areas)
        ways = ["uml"] if self.kind == "uml" else self._ways()
        failure: InputError | None = None
        for way in ways:
            began = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="remaptrace-") as place:
                machine = _Machine(self, way, Path(place))
                reply = machine.run(text)
                if reply is not None:
                    self.boots.append(time.monotonic() - began)
                    if self.kind != "uml":
                        self._accelerators[:] = [way]
                    return reply
                failure = failure or complaint(self.path, machine.console(), machine.words())
                if way == "tcg":
                    failure = complaint(self.path, machine.console(), machine.words())
        assert failure is not None
        raise failure

    def _ways(self) -> list[str]:
        """Accelerators to try: the one that worked, else kvm if it can be opened, then TCG."""
        if self._accelerators:
            return list(self._accelerators)
        return [*(["kvm"] if os.access("/dev/kvm", os.R_OK | os.W_OK) else []), "tcg"]


class _Machine:
    """One boot in the folder `place`."""

    def __init__(self, image: Image, way: str, place: Path) -> None:
        self.image, self.way, self.place = image, way, place
        self.nonce = secrets.token_hex(8)
        self.answers = place / "answers"
        self._console = place / "console"
        self._words = place / "words"

    def run(self, text: bytes) -> Reply | None:
        """Boot, and wait for the end of the answers; None if the runner said nothing."""
        words = self._uml(text) if self.way == "uml" else self._qemu(text)
        self.answers.touch()
        home = str(self.place)
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "TMPDIR": home}
        if self.way == "uml":  # a stub of 6.x unmaps what a static glibc registered for rseq, and dies of it
            environment["GLIBC_TUNABLES"] = "glibc.pthread.rseq=0"
        with self._words.open("wb") as heard, self._console.open("ab") as console:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=console, stderr=heard, start_new_session=True,
                cwd=self.place, env=environment,
            )  # fmt: skip
            try:
                self._wait(process)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        reply = unframed(self.answers.read_bytes())
        return reply if reply is not None and reply.where.facts.get("nonce") == self.nonce else None

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        """Until the machine ends, says `finished`, or says nothing for too long."""
        size, began = 0, time.monotonic()
        deadline = began + self.image.boot_seconds[self.way]
        while time.monotonic() < deadline:
            if self.way == "kvm" and time.monotonic() > began + _FIRST_WORD and not self.console():
                return
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PAUSE)
                return
            now = self.answers.stat().st_size
            if now != size:
                size = now
                deadline = time.monotonic() + self.image.seconds + 30
                with self.answers.open("rb") as file_:
                    file_.seek(max(0, size - 32))
                    if b"\nfinished" in file_.read():
                        return

    def console(self) -> bytes:
        """What the kernel wrote to its console."""
        return self._console.read_bytes() if self._console.exists() else b""

    def words(self) -> str:
        """What the emulator wrote to its standard error."""
        text = self._words.read_text(errors="replace") if self._words.exists() else ""
        return " ".join(text.split())[:300]

    def _disks(self, text: bytes) -> list[str]:
        """Words for a disk, by NVMe and by virtio: kernels have either driver. Without mke2fs there is none."""
        mke2fs = shutil.which("mke2fs", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
        if b"\ndiskfile " not in text or mke2fs is None:
            return []
        words = []
        for device in ("nvme,serial=remaptrace", "virtio-blk-pci"):
            name = device.partition(",")[0]
            disk = self.place / name
            with disk.open("wb") as made:
                made.truncate(_DISK)
            done = subprocess.run(
                [mke2fs, "-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=0,root_owner=0:0", str(disk)],
                stdin=subprocess.DEVNULL, capture_output=True, check=False,
            )  # fmt: skip
            if done.returncode:
                return []
            words += ["-drive", f"if=none,id={name},format=raw,cache=unsafe,file={disk}"]
            words += ["-device", f"{device},drive={name}"]
        return words

    def _qemu(self, text: bytes) -> list[str]:
        disks = self._disks(text)
        initramfs = self.place / "initramfs"
        initramfs.write_bytes(
            archive(
                [
                    *(folder(name) for name in ("dev", "disk", "proc", "sys", "tmp")),
                    character_device("dev/console", 5, 1),
                    character_device("dev/ttyS1", 4, 65),
                    character_device("dev/null", 1, 3),
                    character_device("dev/zero", 1, 5),
                    file("runner", runner().read_bytes(), executable=True),
                    file("programs", text),
                ]
            )
        )
        line = f"console=ttyS0 rdinit=/runner {_COMMAND_LINE} {_EMULATED} -- {self.nonce} image"
        line += " disk" if disks else ""
        return [
            self.image.emulator, "-accel", self.way, "-cpu", _PROCESSOR, "-machine", "pc", "-smp", "1",
            "-m", str(_MEMORY),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", os.path.abspath(self.image.path), "-initrd", str(initramfs), "-append", line,
            "-serial", f"file:{self._console}", "-serial", f"file:{self.answers}",
            *disks,
        ]  # fmt: skip

    def _uml(self, text: bytes) -> list[str]:
        root = self.place / "root"
        for name in ("dev", "proc", "sys", "tmp"):
            (root / name).mkdir(parents=True)
        shutil.copy(runner(), root / "runner")
        (root / "programs").write_bytes(text)
        self.answers = root / "answers"
        return [
            os.path.abspath(self.image.path), f"mem={_MEMORY}M", "root=/dev/root", "rootfstype=hostfs",
            f"rootflags={root}", "rw", "init=/runner", "con=null", "con0=null,fd:1", *_COMMAND_LINE.split(),
            "--", self.nonce, "uml",
        ]  # fmt: skip
