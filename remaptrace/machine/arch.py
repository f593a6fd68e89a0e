"""Architectures: YAML files turned into the words that the engine reads.

A file names the bits of a PTE once; masks are lists of names ("USER RW"), tests may ask for clear
bits ("USER !NX"), and slices say which bits of a number go where ("28:5 -> 31:8", high bit first).
Sections under `file` are the forms of a file PTE: `plain`, and one for each series of per-PTE
protection patches that has this architecture.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import pairwise

from ..errors import InputError, UsageError
from ..lateclasses import dataclass
from . import archwords as A
from . import presets
from .archbits import Bits, signed
from .versions.derive import release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .kernel import Kernel

PROTS = ("---", "r--", "-w-", "rw-", "--x", "r-x", "-wx", "rwx")
"""Order of a protection row: index r + 2w + 4x."""

REACTIONS = {"refused": 3, "livelock": 5, "bug": 6, "oom": 7}  # OUT_* of result.outcomes


@dataclass(frozen=True)
class Arch:
    """One architecture under one series of patches."""

    name: str
    about: str
    era: str
    series: str  # which form of file PTE is in the words
    page_shift: int
    word_bits: int
    pte_bytes: int
    index_bits: tuple[int, ...]  # leaf first
    chgprot: int | None  # value of MAP_CHGPROT; None: not defined
    max_bits: int  # PTE_FILE_MAX_BITS; 0: no file PTEs
    support: str  # of MAP_CHGPROT: none, native, dummy
    reaction: str  # what a refusal leads to where the fault handler does not know it
    builds: bool
    host_arch: str  # of a User-mode Linux guest: the architecture below, else ""
    words: tuple[int, ...]  # A_* and P_* of machine.archwords
    bits: Mapping[str, int]  # names of PTE bits: masks
    data: Mapping[str, Any]  # the resolved file

    @property
    def settings(self) -> dict[str, str]:
        """Rules that follow from options which this architecture cannot have (`without`)."""
        lacking = self.data.get("without", ())
        if not lacking:
            return {}
        from .system.options import DECIDES

        return {rule: value for option in lacking for rule, value in DECIDES[option].absent.items()}

    @property
    def label(self) -> str:
        """The name that people choose it by; files that describe one architecture for two eras share it."""
        aliases = self.data.get("aliases", ())
        return str(aliases[0]) if aliases else self.name

    @property
    def page_size(self) -> int:
        """Bytes of a page."""
        return 1 << self.page_shift


def arch_names() -> tuple[str, ...]:
    """Names of all architectures, without those that are only bases of others."""
    return tuple(n for n in presets.names("arches") if not n.startswith("_"))


@cache
def _families() -> dict[tuple[str, str], list[str]]:
    """(name or alias, era) -> files, those of older kernels first; several where kernels of one era differ."""
    out: dict[tuple[str, str], list[str]] = {}
    for name in arch_names():
        era = presets.inherited("arches", name, "era")
        for word in (name, *(presets.inherited("arches", name, "aliases") or ())):
            out.setdefault((word, era), []).append(name)
    for files in out.values():
        files.sort(key=lambda file: _range(file)[0])
    return out


def _range(file: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """The first version that a file describes, and the first one that it does not; (0, 0): no bound."""
    since, before = (presets.inherited("arches", file, key) for key in ("since", "before"))
    first, last = (_version(text) if text else (0, 0) for text in (since, before))
    return first, last


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor)


def describes(file: str, kernel: Kernel) -> bool:
    """Whether the preset file `file` holds for `kernel`: its era, and its versions where it names some."""
    if presets.inherited("arches", file, "era") != kernel.era:
        return False
    first, last = _range(file)
    if first == last == (0, 0):
        return True
    numbers = release(kernel.release or kernel.name)
    return numbers is not None and first <= numbers[:2] and (last == (0, 0) or numbers[:2] < last)


def eras_of(name: str) -> frozenset[str]:
    """The families of kernels ("2.6", "modern") that an architecture, by name or alias, is described for."""
    return frozenset(era for word, era in _families() if word == name)


def load_arch(name: str, kernel: Kernel) -> Arch:
    """The architecture of that name or alias as `kernel` has it.

    UsageError RT402 for an unknown name, RT405 if the architecture is not described for that kernel.
    """
    families = _families()
    files = families.get((name, kernel.era))
    if files is None:
        eras = sorted({era for word, era in families if word == name})
        if not eras:
            raise presets.unknown("RT402", "architecture", name, sorted({w for w, _ in families}))
        fits = sorted({word for word, era in families if era == kernel.era})
        raise UsageError(
            "RT405",
            f"architecture {name!r} is described for {eras[0]} kernels, not for {kernel.name}",
            found=name,
            expected=presets.suggest(name, fits),
        )
    for file in files:
        if describes(file, kernel):
            return _build(file, kernel.series)
    ranges = [presets.resolved("arches", file) for file in files]
    words = " and ".join(
        f"{data['since']} until {data['before']}" if data.get("before") else f"{data['since']} and later"
        for data in ([{**ranges[-1], "since": ranges[0]["since"]}] if _whole(files) else ranges)
    )
    raise UsageError(
        "RT405",
        f"architecture {name!r} is described for {words}, not for {kernel.name}",
        found=name,
        expected=f"--kernel linux-{ranges[0]['since']}",
    )


def _whole(files: list[str]) -> bool:
    """Whether the versions that the files describe follow one another without a gap."""
    bounds = [_range(file) for file in files]
    return all(a[1] == b[0] for a, b in pairwise(bounds))


def load_arch_file(name: str, series: str) -> Arch:
    """The architecture in the preset file `name` with the file PTEs of `series`, whatever the kernel."""
    if name not in arch_names():
        raise presets.unknown("RT402", "architecture", name, list(arch_names()))
    return _build(name, series)


@cache
def _build(file: str, series: str) -> Arch:
    data = presets.resolved("arches", file)
    try:
        return _from_data(file, data, series)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("RT406", f"architecture {file}: {error!r}") from error


def _from_data(name: str, data: Mapping[str, Any], series: str) -> Arch:
    bits = Bits(data.get("bits", {}))
    forms = data.get("file", {})
    support = _support(series, forms)
    form = {**forms.get("plain", {}), **(forms.get(_form(series, forms)) or {})}
    word = [0] * A.A_USED
    _geometry(word, data)
    _protections(word, {**data["protection"], **form.get("protection", {})})
    pte = {**data["pte"], **form.get("pte", {})}
    _present(word, pte, bits, data)
    _swap(word, {**pte.get("swap", {}), **form.get("swap", {})}, bits)
    _file(word, form, bits)
    _rights(word, form.get("rights"), bits, support)
    reaction = data.get("reaction", "refused") if support == "dummy" else "refused"
    builds = bool(data.get("builds", True)) or support != "dummy"
    word[A.A_RFP_SUPPORT] = {"none": A.RFP_PLAIN, "native": A.RFP_NATIVE, "dummy": A.RFP_DUMMY}[support]
    word[A.A_RFP_REACTION] = REACTIONS[reaction]
    word[A.A_RFP_BUILDS] = 1 if builds else 0
    return Arch(
        name=name,
        about=data["about"],
        era=data["era"],
        series=series,
        page_shift=data["page_shift"],
        word_bits=data["word_bits"],
        pte_bytes=data["pte_bytes"],
        index_bits=tuple(data["index_bits"]),
        chgprot=data.get("chgprot"),
        max_bits=form.get("max_bits", 0),
        support=support,
        reaction=reaction,
        builds=builds,
        host_arch=data.get("host_arch", ""),
        words=tuple(signed(w) for w in word),
        bits=bits.masks,
        data=data,
    )


def _form(series: str, forms: Mapping[str, Any]) -> str:
    """The section of `file` that a series uses; the intended one falls back to the posted one."""
    if series == "intended" and "intended" not in forms:
        return "rfp2007"
    return series


def _support(series: str, forms: Mapping[str, Any]) -> str:
    if series == "plain" or not forms:
        return "none"
    return "native" if _form(series, forms) in forms else "dummy"


def _geometry(word: list[int], data: Mapping[str, Any]) -> None:
    layout = data["layout"]
    word[A.A_PAGE_SHIFT] = data["page_shift"]
    word[A.A_WORD_BITS] = data["word_bits"]
    word[A.A_WORD_MASK] = -1 if data["word_bits"] == 64 else (1 << data["word_bits"]) - 1
    word[A.A_PTE_BYTES] = data["pte_bytes"]
    word[A.A_LEVELS] = len(data["index_bits"])
    word[A.A_LEVEL_SHIFT] = data["page_shift"]
    for level, bits in enumerate(data["index_bits"]):
        word[A.A_INDEX_BITS + level] = bits
        word[A.A_LEVEL_SHIFT + level + 1] = word[A.A_LEVEL_SHIFT + level] + bits
    task_size = layout["task_size"]
    word[A.A_TASK_SIZE] = task_size
    page = 1 << data["page_shift"]
    third = (task_size // 3 + page - 1) // page * page
    word[A.A_UNMAPPED_BASE] = layout.get("unmapped_base", third)
    word[A.A_MIN_GAP] = layout.get("min_gap", 128 << 20)
    word[A.A_MAX_GAP] = layout.get("max_gap", task_size // 6 * 5)
    word[A.A_TOPDOWN] = 1 if layout.get("topdown", False) else 0
    word[A.A_MMAP_BASE] = layout.get("mmap_base", word[A.A_UNMAPPED_BASE])
    word[A.A_STACK_TOP] = layout.get("stack_top", task_size)
    word[A.A_CANONICAL_BITS] = layout.get("canonical_bits", 0)
    word[A.A_STACK_SLACK] = layout.get("stack_slack", -1)
    word[A.A_ELF_DYN_BASE] = layout.get("elf_dyn_base", task_size // 3 * 2)
    word[A.A_HAS_32BIT] = 1 if layout.get("map_32bit", False) else 0
    word[A.A_DATA_EXEC] = 1 if layout.get("data_exec", False) else 0
    word[A.A_NX] = 1 if data.get("nx", False) else 0
    word[A.A_WRITE_IMPLIES_READ] = 1 if data.get("write_implies_read", True) else 0
    word[A.A_HUGE_SHIFT] = data.get("huge_shift", 0)
    word[A.A_CHGPROT] = data.get("chgprot") or 0
    word[A.A_UML] = 1 if data.get("host_arch") else 0


def _protections(word: list[int], rows: Mapping[str, Any]) -> None:
    private, shared = rows["private"], rows.get("shared", rows["private"])
    if len(private) != len(PROTS) or len(shared) != len(PROTS):
        raise ValueError("a protection row has eight words")
    words = [*private, *shared]
    if "mirror" in rows:
        right, mask, left = Bits({}).slice(rows["mirror"])
        words = [w | ((w >> right) & mask) << left for w in words]
    word[A.A_PROTMAP : A.A_PROTMAP + 16] = words
    word[A.A_P000] = rows.get("p000", private[0])


def _put(word: list[int], at: int, values: tuple[int, ...]) -> None:
    word[at : at + len(values)] = values


def _present(word: list[int], pte: Mapping[str, Any], bits: Bits, data: Mapping[str, Any]) -> None:
    word[A.P_PRESENT] = bits.mask(pte.get("present", ""))
    tests = [bits.test(t) for t in pte.get("present_if", ())] + [(0, 1), (0, 1)]
    _put(word, A.P_PRESENT_1, tests[0])
    _put(word, A.P_PRESENT_2, tests[1])
    _put(word, A.P_FILE, bits.test(pte.get("file", "never")))
    rights = [pte["read"], pte["write"], pte["exec"]]
    mmu = pte.get("mmu", rights)  # what the hardware lets through; differs on UML
    header = pte.get("header", {})  # pte_read, pte_write, pte_exec of the kernel's headers
    for i, right in enumerate(rights):
        _put(word, A.P_READ + 2 * i, bits.test(mmu[i]))
        _put(word, A.P_RIGHT_R + 2 * i, bits.test(right))
        _put(word, A.P_KREAD + 2 * i, bits.test(header.get(("read", "write", "exec")[i], right)))
    _put(word, A.P_NONE, bits.test(pte.get("none", "never")))
    clear, want = bits.test(pte["mkwrite"])
    word[A.P_MKWRITE_SET], word[A.P_MKWRITE_CLEAR] = want, clear & ~want
    word[A.P_DIRTY] = bits.mask(pte.get("dirty", ""))
    word[A.P_YOUNG] = bits.mask(pte.get("young", ""))
    for i, (condition, target) in enumerate(pte.get("derive", ())):
        mask, value = bits.test(target)
        _put(word, A.P_DERIVE_1 + 3 * i, (bits.mask(condition), mask, value))
        word[A.P_DERIVED] = 1
    high, low = bits.range(pte["pfn"])
    word[A.P_PFN_SHIFT], word[A.P_PFN_MASK] = low, (1 << (high - low + 1)) - 1
    field = word[A.P_PFN_MASK] << low
    word[A.P_MAKE] = bits.mask(pte.get("make", ""))
    word[A.P_KEEP] = field | word[A.P_DIRTY] | word[A.P_YOUNG] | bits.mask(pte.get("keep", ""))
    word[A.P_KEEP] |= word[A.P_MAKE]
    word[A.P_VALID] = bits.mask(pte.get("valid", "PRESENT")) if pte.get("invert") else -1
    word[A.P_INVERT] = field if pte.get("invert") else 0
    word[A.P_WORD] = -1 if data["pte_bytes"] == 8 else (1 << 8 * data["pte_bytes"]) - 1
    word[A.P_HIDDEN] = bits.mask(pte.get("hidden", ""))
    word[A.P_UFFD_WP] = bits.mask("UFFD_WP") if "UFFD_WP" in data.get("bits", {}) else 0
    word[A.P_KEEP] |= word[A.P_UFFD_WP]
    word[A.P_CLEANED] = bits.mask(pte.get("cleaned", ""))
    word[A.P_HIDDEN] |= word[A.P_CLEANED]
    word[A.P_EMPTY] = pte.get("empty", 0)
    word[A.P_NEWPAGE] = bits.mask(pte.get("stored", ""))
    word[A.P_NEWPROT] = bits.mask(pte.get("stored_present", ""))


def _swap(word: list[int], swap: Mapping[str, Any], bits: Bits) -> None:
    word[A.P_SWAP_CONST] = bits.value(swap.get("const", 0))
    if "invert" in swap:
        high, low = bits.range(swap["invert"])
        word[A.P_SWAP_XOR] = ((1 << (high - low + 1)) - 1) << low
    for at, key in ((A.P_SWAP_TYPE, "type"), (A.P_SWAP_OFFSET, "offset")):
        for i, piece in enumerate(swap.get(key, ())):
            _put(word, at + 3 * i, bits.slice(piece))
    if "guard" in swap:
        word[A.P_GUARD] = _swap_word(word, *swap["guard"])


def _swap_word(word: list[int], kind: int, offset: int) -> int:
    """The swap PTE of a type and offset, as engine.pte.mk_swap_pte_type makes it."""
    out = 0
    for at, number in ((A.P_SWAP_TYPE, kind), (A.P_SWAP_OFFSET, offset)):
        for right, mask, left in (word[at : at + 3], word[at + 3 : at + 6]):
            out |= ((number >> right) & mask) << left
    return (out ^ word[A.P_SWAP_XOR]) | word[A.P_SWAP_CONST]


def _file(word: list[int], form: Mapping[str, Any], bits: Bits) -> None:
    word[A.A_FILE_MAX_BITS] = form.get("max_bits", 0)
    if not form:
        return
    word[A.P_FILE_CONST] = bits.value(form.get("const", 0))
    word[A.P_FILE_OR] = 1 if form.get("or", False) else 0
    offset = form["offset"]
    for i, piece in enumerate(offset):
        _put(word, A.P_FILE_IN + 3 * i, bits.slice(piece))
    for i, piece in enumerate(form.get("offset_back", offset)):
        right, mask, left = bits.slice(piece)
        _put(word, A.P_FILE_OUT + 3 * i, (left, mask, right))


def _rights(word: list[int], rights: Mapping[str, Any] | None, bits: Bits, support: str) -> None:
    """How a file PTE keeps the protection; the generic dummies keep nothing and answer P000."""
    if support == "dummy":
        word[A.P_FPROT_BASE] = word[A.P_PGPROT_BASE] = word[A.A_P000]
    if support != "native" or rights is None:
        return
    word[A.P_FPROT_COPY] = bits.mask(rights.get("copy", ""))
    for i, (bit, place) in enumerate(rights.get("move", ())):
        _put(word, A.P_FPROT_MOVE + 2 * i, (bits.mask(bit), bits.mask(place)))
    word[A.P_FPROT_BASE] = bits.value(rights.get("set", 0))
    word[A.P_FPROT_BACK] = bits.mask(rights.get("back", ""))
    for i, (bit, yes, no) in enumerate(rights.get("case", ())):
        _put(word, A.P_FPROT_CASE + 3 * i, (bits.mask(bit), bits.value(yes), bits.value(no)))
    word[A.P_PGPROT_MASK] = bits.mask(rights.get("present", ""))
    word[A.P_PGPROT_BASE] = bits.value(rights.get("present_set", 0))
