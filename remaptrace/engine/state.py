"""The arena: every object of the simulated kernel lives in one flat int64 array `m`.

An "address" of an object is its index in `m`; 0 is the null pointer. Objects are made by
`kalloc` and given back by `kfree` (size classes). The array is a private
anonymous mapping without reserve, so it is sized for the largest run and only touched pages
cost memory. Every name below is an offset into the header or into an object.

Layout of the arena::

    0            header: allocator, counters
    H_RULES      the kernel's rules, indexed by the R_* names of remaptrace.machine.rules
    H_ARCH       the architecture's words, indexed by the A_* names of remaptrace.machine.archwords
    HEAP         objects (kalloc), growing up to m[H_LIMIT]
    m[H_FRAMES]  page frames, F_WORDS each; frame number 0 is never used
"""

from __future__ import annotations

from ..abi.attributes import ATTRIBUTES
from ..machine.archwords import N_ARCH
from ..machine.rules import N_RULES
from .jit import kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias


Mem: TypeAlias = memoryview
"""The arena as kernels see it: numpy int64 array (compiled) or memoryview (interpreted)."""

# ---- header ----------------------------------------------------------------------------------
H_TOP = 1  # first free word of the heap
H_LIMIT = 2  # end of the heap
H_ERROR = 3  # 0, or an ERR_* that stops the replay
H_FRAMES = 4  # first word of the frame table
H_NFRAMES = 5  # frames ever used (the next new frame number)
H_MAXFRAMES = 6  # frame numbers end here
H_FREEFRAME = 7  # head of the list of free frames
H_FREEHUGE = 60  # head of the list of free huge pages
H_FREE = 8  # 48 heads of free lists, one a size class: CLASS_VMA, else powers of two
H_RULES = 64
H_ARCH = H_RULES + N_RULES
H_GLOB = H_ARCH + N_ARCH

G_COMMITTED = H_GLOB + 0  # pages charged against overcommit
G_RAM_USED = H_GLOB + 1  # frames in use
G_SWAP_USED = H_GLOB + 2  # swap slots in use
G_NEXT_AV = H_GLOB + 3  # last anon_vma identity given out
G_NEXT_ID = H_GLOB + 4  # last object identity given out (shared objects, files)
G_MM_LIST = H_GLOB + 5  # first mm of the list of all mms
G_INODE_LIST = H_GLOB + 6  # first inode of the list of all inodes
G_TASKS = H_GLOB + 7  # table of task pointers, indexed by the trace's task number
G_NTASKS = H_GLOB + 8
G_MINFLT = H_GLOB + 9  # faults of the current event, minor
G_MAJFLT = H_GLOB + 10  # faults of the current event, major
G_VALUE = H_GLOB + 11  # byte loaded by the current event
G_ZERO_FRAME = H_GLOB + 13  # frame number of the shared zero page
G_HUGE_ZERO = H_GLOB + 14  # first frame of the huge zero page, 0 until used
G_SWAP = H_GLOB + 17  # swap slot table
G_NSWAP = H_GLOB + 18
G_SHM_LIST = H_GLOB + 19  # SysV segments
G_FOLLOW = H_GLOB + 20  # 1: place mappings where the event's recorded result says
G_EVENT = H_GLOB + 21  # number of the current event
G_WHY = H_GLOB + 22  # WHY_* of the last refusal: which rule spoke
G_ASSUMED = H_GLOB + 23  # areas assumed because a recorded call proves them
G_REC_RET = H_GLOB + 24  # recorded result of the current event
G_HAS_RET = H_GLOB + 25
G_FILES_MADE = H_GLOB + 26  # memfd/diskfile steps so far: the k of the fill rule
G_PATHS = H_GLOB + 27  # inode of each path, indexed by string number
G_NPATHS = H_GLOB + 28
G_EVFLAGS = H_GLOB + 29  # EVF_* of the current event
G_RSFLAGS = H_GLOB + 30  # RSF_* collected for the current event
G_NOTASK = H_GLOB + 31  # tasks whose making was not seen
# replay: set by the driver, see loop.py
G_STRKINDS = H_GLOB + 96  # NAME_* of each string, indexed by string number
G_RELOCATIONS = H_GLOB + 97  # rows (event, argument, slot, addend) by event, closed by event -1
G_RETSOURCES = H_GLOB + 98  # rows (event, result) by event, closed by event -1
G_NEXT_RELOCATION = H_GLOB + 99
G_NEXT_RETSOURCE = H_GLOB + 100
G_NO_ACCESSES = H_GLOB + 101  # 1: a log of calls alone, see assume_written
G_NO_FORKS = (
    H_GLOB + 102
)  # 1: the recording shows no births of processes, though it has several, see learn.py
G_SPECIAL_FRAME = H_GLOB + 33  # frame of special mappings, 0 until used
G_STUCK = H_GLOB + 35  # 1: the current call never returns
G_CLOCK = H_GLOB + 36  # hand of the reclaim clock: a frame number
G_LEARNT = H_GLOB + 34  # page states learnt from recorded faults, see learn.py
G_NEXT_SHMID = H_GLOB + 38  # identifier of the next System V segment
G_NEW_TABLE = H_GLOB + 37  # 1: the fault being handled had to make its leaf table
G_REGISTER_UNKNOWN = H_GLOB + 39  # 1: the trace does not show the protection-key register
G_SPACES = H_GLOB + 40  # address spaces that there are
G_NO_TABLES = H_GLOB + 41  # the top page table of all that have no pages, see pgwalk.py, 0 until used
G_UNPLACED = H_GLOB + 46  # recorded places at which this machine cannot map
G_VMG_EXPAND = H_GLOB + 48  # see merge.py
G_TIGHTENED = (
    H_GLOB + 60
)  # what was changed for the one call, see belief/refusal.py: the way, 0: nothing; ...
G_TIGHTENED_BY = H_GLOB + 61  # ... by how much; ...
G_MAY_CHARGE = H_GLOB + 62  # ... 2: the commit limit may refuse the call, too
G_VMS = H_GLOB + 64  # 8 words: the range being unmapped, see munmap.py
G_VMG = H_GLOB + 72  # room for 36 words, laid out as a VMA: the merge being tried, see merge.py
# huge page pool, see hugepool.py: counts of huge pages
G_HT_TOTAL = H_GLOB + 108
G_HT_FREE = H_GLOB + 109
G_HT_RESERVED = H_GLOB + 110
G_HT_SURPLUS = H_GLOB + 111
G_HT_ASSUMED = H_GLOB + 112
# userfaultfd and NUMA policies
G_UFFD_CLOSED = H_GLOB + 113  # userfaultfds whose last descriptor is closed, not yet taken off their areas
G_POLICIES = H_GLOB + 114  # list of NUMA policies, see mbind.py
G_TAKING = H_GLOB + 115  # TAKE_* bits: what of the recording's own answers is believed, see belief/refusal.py
G_TAKE = H_GLOB + 116  # errno with which the recording shows the current call refused, 0: none to be believed
G_PROVES = H_GLOB + 117  # TAKE_LIMIT and TAKE_CHARGE if the current call is a recorded success, else 0
G_PROVED = H_GLOB + 118  # which of them was used
G_OWN_LIMIT = H_GLOB + 119  # vm.max_map_count of the machine that recorded, as far as it is known
# log of changes of areas, see areas/changelog.py
G_LOG = H_GLOB + 120  # first free word of the log, 0: nobody asked for one
G_LOG_EVENT = H_GLOB + 121  # first row of the current event
G_LOG_END = H_GLOB + 122  # the word behind the log
G_LOG_FULL = H_GLOB + 123  # rows from which the replay pauses, so that the log can be read: a word
G_LOG_LOST = H_GLOB + 124  # rows that found no room
G_CLEARED = H_GLOB + 49  # ranges that gave way to a recorded place, see belief/place.py
G_CLEARED_AT = H_GLOB + 50  # the event of the first of them
G_SMALLER_AT = H_GLOB + 51  # 1 + the event that proved huge pages smaller than assumed, see belief/place.py
G_ALONE = H_GLOB + 127  # 1: a fault that maps its own page only, whatever the kernel maps around it
HEAP = H_GLOB + 128

ERR_ARENA = 1  # the heap met its limit
ERR_FRAMES = 2  # frame numbers are used up

# ---- vm_area_struct --------------------------------------------------------------------------
# The first eight words, one cache line, are what a walk over neighbours needs.
V_START = 0  # first byte
V_END = 1  # first byte behind
V_FLAGS = 2  # VM_* of vmflags
V_PGOFF = 3  # pages
V_NEXT = 4  # neighbours by address
V_PREV = 5
V_HOME = 6  # where the VMA set has it, see areas/areatree.py, 0: not linked
V_AV = 7  # identity of the anon_vma, 0: none
V_FILE = 8  # open file description (O_*), 0: none. Identity of struct file decides merging
V_INODE = 9  # object that backs it (I_*), 0: private anonymous
V_OPS = 10  # OPS_*
V_AVMULTI = 11  # 1: the anon_vma chain has more than one entry (a fork child)
V_PROT = (
    12  # vm_page_prot as an index of the protection map; bit 3 is "shared", bits 4 to 7 the protection key
)
V_ATTRIBUTES = 13  # identities that keep areas apart, in the order of abi.attributes, 0: none
V_POLICY = V_ATTRIBUTES  # NUMA policy (mbind)
V_UFFD = V_ATTRIBUTES + 1  # userfaultfd context
V_ANAME = V_ATTRIBUTES + 2  # name of anonymous memory: a string number, see abi.vmanames
N_ATTRIBUTES = len(ATTRIBUTES)
V_MM = V_ATTRIBUTES + N_ATTRIBUTES
V_CURSOR = V_MM + 1  # nonlinear scan cursor (vm_private_data of 2.6)
V_RESV = V_CURSOR  # hugetlb: reserve map of the owner, see hugepool.py (vm_private_data, too)
V_NAME = V_MM + 2  # string number for [vdso] and the like, 0: none
V_MARK = V_MM + 3  # 1: assumed, not proven by a recorded map
V_BORN = V_MM + 4  # event that made it (for reports)
V_INEXT = V_MM + 5  # list of the VMAs of one inode
V_IPREV = V_MM + 6
V_WORDS = (V_MM + 7 + 7) & -8  # whole cache lines

OPS_ANON = 0  # no vm_ops
OPS_FILE = 1  # generic file operations, dirty accounting
OPS_SHMEM = 2  # tmpfs, memfd, shared anonymous: no dirty accounting
OPS_SHM = 3  # SysV: close hook
OPS_SPECIAL = 4  # vdso, vvar: close hook, may not be split
OPS_ZERO = 5  # private /dev/zero
OPS_DEVICE = 6  # device with pfn mapping
OPS_HUGETLB = 12  # a file of hugetlbfs: pages from the pool, close hook, may be split between huge pages only

# ---- mm_struct -------------------------------------------------------------------------------
MM_SET = 0  # VMA set
MM_PGD = 1  # top page table
MM_COUNT = 2  # map_count
MM_TOTAL = 3  # pages
MM_DATA = 4
MM_STACK = 5
MM_EXEC = 6
MM_LOCKED = 7
MM_START_BRK = 8
MM_BRK = 9
MM_START_DATA = 10
MM_END_DATA = 11
MM_BASE = 12  # mmap_base
MM_FAC = 13  # free_area_cache
MM_CHS = 14  # cached_hole_size
MM_DEFFLAGS = 15  # def_flags (VM_LOCKED, VM_LOCKONFAULT)
MM_USERS = 16
MM_TABLES = 17  # page tables below the top one
MM_MINFLT = 18
MM_MAJFLT = 19
MM_CACHE = 20  # mmap_cache
MM_LEGACY = 21  # 1: bottom-up layout
MM_STACK_PTR = 22  # initial stack pointer, for [stack]
MM_NEXT = 23  # list of all mms
MM_FIRST = 24  # first VMA by address
MM_RSS = 25  # present pages, those of hugetlbfs among them
MM_PEAK = 26  # highest map_count
MM_ID = 27
MM_LASTLEAF = 28  # cache of the last leaf table: its number of span ...
MM_LASTTABLE = 29  # ... and the table
MM_MDWE = 30
MM_ASLR = 31
MM_HERE = 34  # the VMA near which this call begins, see vmaset.look_ahead, 0: unknown ...
MM_NEAR = 35  # ... the next call ...
MM_NEAR_2 = 32  # ... and the one behind it
MM_LEAF = 36  # the leaf where to look for the area of the call behind that, 0: unknown ...
MM_LEAF_2 = 37  # ... and those of the two calls
MM_LEAF_3 = 33  # that follow
MM_PKEYS = (
    38  # protection keys handed out, a bit each, key 0 inverted where there are keys, see areas/pkeys.py
)
MM_XO_KEY = 39  # the execute-only key + 1, 0: none yet
MM_THP = 40  # PR_SET_THP_DISABLE as PR_GET_THP_DISABLE tells it: 0, 1, 3 (all but advised)
MM_KSM = 41  # PR_SET_MEMORY_MERGE
MM_LOG_GONE = 42  # 1: its end is in the log of changes, nothing more of it is
MM_LOG_START_BRK = 43  # what the log of changes says of MM_START_BRK, ...
MM_LOG_BRK = 44  # ... MM_BRK ...
MM_LOG_STACK = 45  # ... and MM_STACK_PTR
MM_HUGETLB = 46  # present pages of hugetlbfs, which VmRSS leaves out (hugetlb_usage)
MM_AIO = 47  # contexts of aio
MM_WORDS = 48

# ---- task ------------------------------------------------------------------------------------
T_MM = 0
T_FILES = 1  # descriptor table (FD_*)
T_PROC = 2  # the process (thread group)
T_TID = 3
T_PID = 4
T_ALIVE = 5
T_PKRU = 6  # rights over protection keys, see areas/pkeys.py
T_LOGGED = 7  # MM_ID of its address space in the log of changes, 0: none
T_FRESH = 8  # memory that it just made writable, see assume.expect_write: first byte ...
T_FRESH_END = 9  # ... and the byte behind, 0: none
T_WORDS = 10

# ---- process: what threads share beside the mm -----------------------------------------------
P_USERS = 0
P_CAPS = 1  # 1: all capabilities
P_PERSONALITY = 2
P_MINFLT = 3
P_MAJFLT = 4
P_UNKNOWN = (
    5  # 1: its initial areas are not in the log, so that areas may be assumed; 2: only vdso and stack are not
)
P_UNDUMPABLE = 7  # 1: gave up root (setuid)
P_RLIM = 8  # RLIM_* of abi.mman: soft limits in bytes, -1: unlimited
P_WORDS = 32

# ---- descriptor table ------------------------------------------------------------------------
FD_USERS = 0
FD_CAP = 1
FD_TABLE = 2  # array of open file descriptions, 0: closed
FD_CLOEXEC = 3  # array of 0/1
FD_WORDS = 8

# ---- open file description (struct file) -----------------------------------------------------
O_INODE = 0
O_MODE = 1  # bit 0 readable, bit 1 writable
O_REFS = 2  # descriptors and VMAs
O_ID = 3
O_APPEND = 4
O_NOEXEC = 5  # NOEXEC_ASSUMED: a recorded refusal says so
O_WORDS = 8

# ---- inode: the object that has pages --------------------------------------------------------
I_TYPE = 0  # OPS_* of its mappings, or a type that cannot be mapped
I_SIZE = 1  # bytes
I_PAGES = 2  # page cache: page index to frame, see pagecache.py
I_SEALS = 3
I_REFS = 4
I_ID = 5
I_NAME = 6  # string number of the path
I_FILLK = 7  # k+1 of the fill rule, 0: zero filled
I_VMAS = 8  # list of VMAs (V_INEXT)
I_NEXT = 9  # list of all inodes
I_CACHED = 10  # 1: pages up to I_SIZE are taken to be in the page cache (recorded files)
I_SHMID = 11
I_CHARGED = 12  # pages charged at creation
I_BORN = 13  # event number: the N of shm@N
I_KIND = 16  # FILE_* of abi.special: mappings follow rules of their own, 0: none
I_LINKS = 17  # 0: deleted
I_CACHEROOT = 18
I_HEIGHT = 19  # levels of the page cache's tree
I_FILLED = 20  # pages below this number have their first content in the page cache, unless the tree says else
I_FOLIO = 22  # pages of the folios that hold its page cache, a power of two; 0: single pages
I_UNSURE = 23  # 1: the log does not tell the size, see assume.assume_length
I_RESV = 24  # hugetlb: first range of the reserve map of a shared object, see hugepool.py
I_ENTRIES = 25  # io_uring: entries of the submission queue, 0: not told
I_WORDS = 28

AIO_MM = (
    I_ENTRIES  # of a ring of aio: MM_ID of the address space that has its context, 0: not known, -1: none has
)
AIO_USER = 26  # where that context says its ring begins: bytes (kioctx.user_id)
AIO_ID = 27  # its number in the address space's table of contexts

TYPE_UNMAPPABLE = 16  # pipe, socket, directory, /dev/null, ...
TYPE_UFFD = 17  # a userfaultfd, which cannot be mapped either

# ---- inode of a userfaultfd: it has no pages, and words for pages tell other things -----------
U_FEATURES = I_SEALS  # features asked for, and UFFD_READY once the API was
U_USER_ONLY = I_FILLK
U_PARENT = I_FILLED  # of a descriptor that a fork made: the parent's
U_MM = I_FOLIO  # MM_ID of the address space that made the descriptor: all its ioctls are about that one
UFFD_READY = 1 << 31  # above every feature

# ---- page frame ------------------------------------------------------------------------------
F_REFS = 0  # PTEs that map it + 1 if it is in a page cache or swap cache
F_MAPCOUNT = 1
F_FLAGS = 2  # FF_*
F_INODE = 3  # file page: its object
F_INDEX = 4  # file page: page index; anonymous: the linear index
F_FILL = 5  # every byte of the page, unless ...
F_BYTES = 6  # ... a list of (next, offset, value) says otherwise
F_SLOT = 7  # swap slot + 1 while in the swap cache
F_LRU_NEXT = 8
F_OWNER = 10  # anonymous: reverse map, see swap.py
F_FOLIO = 11  # order of the folio it belongs to
F_WORDS = 12

FF_ANON = 1
FF_DIRTY = 2
FF_ZERO = 4
FF_SWAPCACHE = 8
FF_LAZYFREE = 16
FF_EXCLUSIVE = 64
FF_UPTODATE = 128
FF_HUGE = 256  # head of a huge page whose other frames are not set up
FF_UNKNOWN = 1024  # huge page that was written with bytes which a log does not show
FF_CLEARED = 2048  # exec is taken to have cleared the rest of this page (padzero): see belief.learn
FF_RESTORE = 512  # page of the hugetlb pool: its reservation returns when it is freed

# ---- reserve map of a private hugetlb mapping ----------------------------------------------------
RV_REFS = 0  # areas of the owner
RV_FIRST = 1  # first range
RV_WORDS = 4


CLASS_VMA = 0
CLASS_VMA_WORDS = 24
"""Areas are many and their size lies between two powers of two: they have a class of chunks of their own."""


@kernel
def _size_class(words: int) -> int:
    """The number of the smallest class of chunks that hold `words`."""
    if 16 < words <= CLASS_VMA_WORDS:
        return CLASS_VMA
    k = 3
    while (1 << k) < words:
        k += 1
    return k


@kernel
def class_words(k: int) -> int:
    """Words of a chunk of class `k`."""
    return CLASS_VMA_WORDS if k == CLASS_VMA else 1 << k


@kernel
def kalloc(m: Mem, words: int) -> int:
    """A zeroed object of at least `words` words; 0 (and H_ERROR) when the heap is full."""
    k = _size_class(words)
    size = class_words(k)
    p = m[H_FREE + k]
    if p != 0:
        m[H_FREE + k] = m[p]
        for i in range(p, p + size):
            m[i] = 0
        return p
    p = m[H_TOP]
    if p + size > m[H_LIMIT]:
        m[H_ERROR] = ERR_ARENA
        return 0
    m[H_TOP] = p + size
    return p


@kernel
def kfree(m: Mem, p: int, words: int) -> int:
    """Give back an object made with the same `words`."""
    k = _size_class(words)
    m[p] = m[H_FREE + k]
    m[H_FREE + k] = p
    return 0
