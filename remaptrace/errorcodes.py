"""Every error code that remaptrace shows, with what `remaptrace explain CODE` says about it.

One registry for all rooms. A code, once given, keeps its meaning. Ranges: RT1xx scenarios,
RT2xx opening files and our own formats, RT3xx recorded text, RT4xx machines and rules, RT5xx
command line, RT6xx replay, RT9xx internal. Add yours with `code` below its range.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorCode:
    """One code: a title of a few words, what it means, an example, what to do."""

    code: str
    title: str
    meaning: str
    example: str = ""
    advice: str = ""


CODES: dict[str, ErrorCode] = {}


def code(number: str, title: str, meaning: str, example: str = "", advice: str = "") -> str:
    """Register an error code and return it."""
    if number in CODES:
        raise ValueError(f"{number} is registered twice")
    CODES[number] = ErrorCode(number, title, meaning, example, advice)
    return number


# -- RT1xx: scenarios
RT_YAML = code(
    "RT100",
    "not valid YAML",
    "The file is not a YAML document that the safe subset allows: a syntax error, more than one document, or a tag.",
    "steps:\n- mmap: {addr: 0x1000, length: 4096",
    "Close the bracket or quote that the message names. Tags (!!python/...) are never loaded.",
)
RT_TOP_KEY = code(
    "RT101",
    "unknown or missing key of a scenario",
    "The top level of a scenario has the keys name, about, arch, page_size, machine, vars, files, layout, initial,"
    " brk_start, mmap_base, first_free_top, steps and vmas.",
    "step:\n- dump: {}",
    "Check the spelling; `steps` is required.",
)
RT_STEP = code(
    "RT102",
    "unknown step",
    "Each entry of `steps` is one operation with its arguments, and optionally `expect` and `pid`.",
    "- mumap: {addr: 0x1000, length: 4096}",
    "See the table of steps in docs/scenario-format.md.",
)
RT_FIELD = code(
    "RT103",
    "unknown or missing field of a step",
    "The operation has other arguments than these, or one that it needs is absent.",
    "- munmap: {addr: 0x1000, size: 4096}",
    "The message lists the fields of the operation.",
)
RT_NAME = code(
    "RT104",
    "unknown flag or name",
    "A flag, advice, seal, resource or protection has no such name. Names are those of the kernel without their prefix"
    " and in lower case; a number is taken as it is.",
    "- mmap: {addr: 0, length: 4096, prot: rw, flags: [shard, fixed]}",
    "Use one of the names listed, or the number.",
)
RT_VALUE = code(
    "RT105",
    "value of the wrong kind",
    "A field holds something else than it should: text for a number, a list for a single value, a number out of range.",
    "- munmap: {addr: here, length: 4096}",
    "Numbers are decimal or 0x hexadecimal bytes, with KiB, MiB, GiB or TiB if you like.",
)
RT_REFERENCE = code(
    "RT106",
    "reference to a step that returns no address",
    "'@N+0x1000' is the address that step N returned (counted from 0), plus 0x1000. Step N must come before and be one"
    " that returns an address.",
    "- munmap: {addr: '@7', length: 4096}   # as step 3",
    "Count the entries of `steps` from 0, or give the step a name with `as:` and write '@name'.",
)
RT_FILE = code(
    "RT107",
    "unknown file",
    "A step uses a file that no memfd, diskfile, reopen, dup or `files` entry before it has made.",
    "- mmap: {addr: 0, length: 4096, prot: r, flags: [shared], fd: b}",
    "Make the file first; `fd: bad` is a closed descriptor, -1 none.",
)
RT_LIMIT = code(
    "RT108",
    "scenario too large",
    "A limit that protects against documents built to exhaust memory: nesting, aliases that expand to millions of"
    " nodes, or repeats that make more than 16,777,216 steps.",
    "- repeat: {count: 1000000000000, steps: [...]}",
    "Split the scenario, or touch ranges with `pages:` instead of single pages.",
)
RT_EXPRESSION = code(
    "RT109",
    "bad expression",
    "An expression has numbers, names of `vars` and loops, + - * // % << >> & | ^ ~ ( ) and min, max. Nothing else.",
    "- munmap: {addr: base + j * page, length: page}   # there is no j",
    "Use a name that `vars` or an enclosing `repeat` defines; `page` is the page size.",
)
RT_EXPECT = code(
    "RT110",
    "bad expectation",
    "`expect` has a field that this operation cannot answer, or a value that can never come.",
    "- munmap: {addr: 0x1000, length: 4096}\n  expect: {outcome: ok}",
    "See the table of answers in docs/scenario-format.md.",
)
RT_PROCESS = code(
    "RT111",
    "unknown process",
    "`pid:` names a process that no fork before this step has made.",
    "- munmap: {addr: 0x1000, length: 4096}\n  pid: 7",
    "Make it with `fork: {child: 7}`; the first process is 1.",
)
# -- RT2xx: opening files, our own formats, conversion
RT_MISSING = code(
    "RT200",
    "file cannot be opened",
    "The path does not exist, or may not be read, or is neither a file nor a directory.",
    "remaptrace run no-such-file.txt",
    "Check the path; '-' reads standard input.",
)
RT_EMPTY = code(
    "RT201",
    "empty input",
    "The file holds no bytes, or nothing but white space.",
    advice="Was the recording interrupted before its first line?",
)
RT_UNKNOWN_FORMAT = code(
    "RT202",
    "format not recognised",
    "The beginning of the file looks like none of the formats that remaptrace reads: YAML scenario, strace text, "
    "ftrace text, perf script, perf trace, gVisor, qemu-user, valgrind, syzkaller, JSON Lines, column file; plain, "
    "gzip or zstd. Binary perf.data and "
    "trace.dat files must be turned into text first.",
    "remaptrace run perf.data",
    "Use `perf script > perf.txt` or `trace-cmd report > ftrace.txt`.",
)
RT_COMPRESSED = code(
    "RT203",
    "compressed file is damaged",
    "The gzip or zstd data ends early, fails its checksum, or expands beyond the limit of 8 GiB.",
    advice="Fetch or compress the file again.",
)
RT_NO_TRACES = code(
    "RT204",
    "no traces here",
    "The directory holds neither scenarios (*.yaml) nor a recorded set (strace.txt, ftrace.txt, perf.txt) nor a "
    "family of strace -ff files.",
    advice="Name the files themselves, or the directory above.",
)
RT_FORMAT_NAME = code(
    "RT205",
    "unknown format name",
    "A reader or writer was asked for by a name that does not exist.",
    "remaptrace convert in.txt -o out.xml",
    "Formats: columns, jsonl, scenario, gvisor, valgrind, ftrace, perf, syzkaller, qemu, strace.",
)
RT_COLUMNS = code(
    "RT210",
    "damaged column file",
    "A .rtcols file has no valid header, ends early, or was written by another version.",
    advice="Delete it; it is made again from the source.",
)
RT_JSONL = code(
    "RT211",
    "bad line in a JSON Lines trace",
    "A line is not a JSON object, or has an unknown kind or argument.",
    '{"kind": "mmapp", "addr": 0}',
    "See docs/jsonl-format.md.",
)
RT_WRITE = code(
    "RT220",
    "output not written",
    "The file named by -o could not be written: no space, no permission, no such directory. Nothing half-written is "
    "left behind.",
)
RT_CONVERT = code(
    "RT221",
    "not expressible in that format",
    "The trace has events that the target format cannot hold.",
    advice="JSON Lines and columns hold every trace.",
)

RT_REWRITE = code(
    "RT230",
    "unknown rewrite",
    "--rewrite names a way of mapping that the program could have used instead.",
    "remaptrace run traces/uml-touch2000 --rewrite rpf",
    "One of rfp, rfp-guards, guards, merge-order; several are applied one after the other.",
)

# -- RT3xx: recorded text
RT_LINE = code(
    "RT301",
    "line not understood",
    "A line of a recorded log has none of the forms that the recorder prints. It is skipped and counted.",
    "15328 mmap(NULL, 8192, PROT_READ|PROT_WR15329 close(3) = 0",
    "Two recorders may have written to one file; give each its own (-o, -ff).",
)
RT_CUT = code(
    "RT302",
    "line cut off",
    "The log ends in the middle of a line. The call on it is not replayed.",
    "15328 mmap(NULL, 8192, PROT_RE",
    "Nothing is lost but this call; record again if it matters.",
)
RT_RESUMED = code(
    "RT303",
    "result without its call",
    "A line continues a call whose beginning is not in the log, so its arguments are unknown.",
    "15328 <... mmap resumed>) = 0x7f0b87c9a000",
    "The beginning of the log is missing, or was filtered; record from the start of the program.",
)
RT_SYMBOL = code(
    "RT304",
    "unknown name in a call",
    "An argument is a name that stands for a number, and this name is not known.",
    "28484 mmap(NULL, 4096, PROT_READ, MAP_PRIVAT, 3, 0) = 0x7f20a4182000",
    "Record with `strace -X verbose`, which prints the numbers too.",
)
RT_ARGUMENT = code(
    "RT305",
    "argument of the wrong kind",
    "A call has fewer arguments than it needs, or one that is not a number of at most 64 bits.",
    "28484 munmap(0x7f20a3f56001) = 0",
    "The line is skipped; see whether the log was edited.",
)
# -- RT4xx: machines and rules
RT_KERNEL = code(
    "RT401",
    "unknown kernel",
    "No preset of that name. A kernel is a named set of rules; 'remaptrace kernels' lists them.",
    "remaptrace run --kernel linux-2.6.22 trace.txt",
    "Take a preset of the nearest version and change single rules with --set.",
)
RT_ARCH = code(
    "RT402",
    "unknown architecture",
    "No architecture of that name or alias; 'remaptrace arches' lists them.",
    "remaptrace run --arch x86 trace.txt",
)
RT_RULE = code(
    "RT403",
    "unknown rule",
    "--set and `machine:` set rules by name, RAM and swap as ram=64M and swap=32M.",
    "remaptrace run --set max_map_cuont=100 trace.txt",
    "'remaptrace kernels NAME' lists the rules of a kernel with their values.",
)
RT_RULE_VALUE = code(
    "RT404",
    "value does not fit the rule",
    "A rule is a yes or no, a number (decimal, 0x..., 64K, -1 or unlimited) or one of a few words.",
    "remaptrace run --set guard_regions=maybe trace.txt",
)
RT_MISMATCH = code(
    "RT405",
    "architecture not described for this kernel",
    "PTE words of an architecture are described for Linux 2.6 or for kernels since 4.0, some for both under one name.",
    "remaptrace run --arch um-i386-2l --kernel linux-6.18 trace.txt",
    "Choose a kernel of the other family; User-mode Linux guests take their host with --host.",
)
RT_HOST = code(
    "RT407",
    "no User-mode Linux guest",
    "--host names the kernel below a User-mode Linux guest; it needs one of the um-... architectures.",
    "remaptrace run --arch i386 --host linux-6.18 trace.txt",
    "remaptrace run --arch um-i386 --kernel linux-2.6.21 --host linux-2.6.21-rfp trace.txt",
)
RT_NO_ROOM = code(
    "RT410",
    "recording too large for the guest",
    "A User-mode Linux guest has 512 GiB of addresses (x86_64) or less than 4 GiB (i386). A recording of a larger"
    " machine is moved down in blocks of 4 GiB; this one uses too many of them.",
    "remaptrace run --arch um-i386 --host linux-2.6.21 traces/java-100threads",
    "Take a guest with more address space, or a recording that reserves less.",
)
RT_PRESET = code(
    "RT406",
    "broken preset",
    "A preset file of the installation is malformed or its `base:` is missing.",
)
RT_CONFIG = code(
    "RT408",
    "configuration file not understood",
    "--sysctl takes the output of `sysctl -a`, --config a kernel's .config (plain or gzip, such as"
    " /proc/config.gz), --kernel a preset or a YAML file with `base:` and `rules:`.",
    "remaptrace run --config /proc/version trace.txt",
    "Check that the file is what the option takes.",
)


# -- RT5xx: command line
RT_USAGE = code(
    "RT501",
    "command line not understood",
    "A command, option or argument is unknown, missing or has a value that makes no sense.",
    "remaptrace run --kernal linux-6.18 trace.txt",
    "'remaptrace COMMAND --help' lists what each command takes.",
)
RT_OUTPUT = code(
    "RT502",
    "output not written",
    "The file named by -o could not be written: no space, no permission, no such folder. Nothing half-written is"
    " left behind: the text goes to a temporary file beside it, which gets its name when complete.",
    "remaptrace run -o /full/report.svg trace.txt",
    "Make room, or name another place.",
)
RT_MOMENT = code(
    "RT503",
    "no such moment or process",
    "--at and --pid name an event or a process that the trace does not have.",
    "remaptrace maps --at 99999999 trace.txt",
    "Events count from 0; 'remaptrace run --format json' lists processes and gives event numbers.",
)
RT_RECORD = code(
    "RT510",
    "nothing can be recorded here",
    "No back end of `record` may be used: tracefs needs root, ptrace needs a container or sandbox that allows it, perf"
    " needs CAP_PERFMON. The message has the reason of each.",
    "remaptrace record --with trace -- ls",
    "In a container: `--cap-add SYS_PTRACE`, or a seccomp profile that allows ptrace. Else `--with ptrace`, or root.",
)
RT_ATTACH = code(
    "RT511",
    "process cannot be recorded",
    "The process of -p is not there, is traced already, or belongs to somebody else.",
    "remaptrace record -p 1",
    "Record as its owner, or as root; kernel.yama.ptrace_scope 1 lets only parents trace.",
)

# -- RT32x: kernel traces as text (ftrace, perf) and recorded sets
RT_KERNEL_LINE = code(
    "RT320",
    "line of a kernel trace that cannot be read",
    "A line of ftrace or perf text has no task, no event, or an event whose fields are cut or damaged. It is"
    " skipped and counted; the rest of the trace is read.",
    "              sh-20676   [001] d....  2145.579798: page_fault_user: address=0x7fe7",
    "Check whether the file was cut. `cat trace` or `perf script` prints whole lines.",
)
RT_KERNEL_FORM = code(
    "RT321",
    "form of a kernel trace that leaves out what a replay needs",
    "Some options make ftrace or perf print less than a replay needs: the raw option prints numbers of events"
    " without arguments, nocontext-info and `-F event,trace` leave out the task, `page-faults` without addr"
    " leave out the address.",
    "20930 1 2148680998181 type: 190",
    "Record again without that option; docs/formats.md names the forms.",
)
RT_MAPS = code(
    "RT325",
    "not a maps file",
    "A file given as recorded memory map does not have the lines of /proc/PID/maps.",
    "7f20a4187000 r--p [vvar]",
    "Copy /proc/PID/maps as it is: START-END PERMS OFFSET DEV INODE PATH.",
)
RT_SET = code(
    "RT326",
    "not a recorded set",
    "A recorded set is a directory with ftrace.txt, perf.txt or strace.txt (plain, gzip or zstd), and, beside it,"
    " maps/, mapcount.txt and summary.json.",
    "remaptrace run traces/empty",
    "See traces/HOW-RECORDED.md for how a set is made.",
)
RT_TRUTH = code(
    "RT327",
    "line of mapcount.txt that cannot be read",
    "A line of recorded kernel counters has ten columns: time, process, thread, event, result, and five counters.",
    "3646869362878 28484 28484 exit_mmap",
    "Check whether the file was cut.",
)


# -- RT6xx: replay
RT_ARENA_FULL = code(
    "RT600",
    "simulated memory exhausted",
    "The simulated kernel's own objects (areas, page tables, page frames) do not fit into the memory that the system"
    " grants. Nothing is known about what follows this event.",
    advice="Raise the limit of address space (ulimit -v), or replay a shorter trace.",
)
RT_BROKEN_STATE = code(
    "RT601",
    "simulated state broken",
    "A kernel of the engine met state that cannot be. This is a defect of remaptrace; the event named shows where.",
    advice="Please report the trace.",
)
RT_ENGINE = code(
    "RT602",
    "unknown engine",
    "The engine is 'auto' (the default: interpreted for short traces), 'interpreted' or 'compiled'.",
)
RT_OTHER_TRACE = code(
    "RT604",
    "results of different traces",
    "Two results can only be compared event by event when they are replays of the same trace.",
    advice="Load the trace once and replay it on both machines.",
)
RT_BAD_TRACE = code(
    "RT603",
    "event table inconsistent",
    "A row of the trace names a task, string or file that its tables do not have. Readers never make such a table;"
    " a hand-made one must number them from 0.",
)
RT_MEMORY = code(
    "RT606",
    "more memory than the limit",
    "The run needed more memory than --limit-memory (or REMAPTRACE_LIMIT_MEMORY) allows; without either three quarters"
    " of the machine's, or of the control group's. It ended before it took more.",
    "remaptrace --limit-memory 2G run trace.txt",
    "Look at the input: one line can ask for terabytes. Raise the limit if it is what you meant; 'none' takes it away.",
)
RT_NOT_COMPILED = code(
    "RT605",
    "engine not compiled",
    "The compiler, numba, failed to make machine code of the engine or of a reader of large logs; its last words are"
    " shown. Interpreted replay needs no compiler.",
    advice="Set REMAPTRACE_ENGINE=interpreted, or see whether the cache folder (REMAPTRACE_CACHE) can be written.",
)


# -- RT8xx: the running kernel, sweeps
RT_COMPILER = code(
    "RT801",
    "no C compiler",
    "`remaptrace verify` runs programs on this kernel with a small C program that it compiles once.",
    advice="Install one (Debian: apt-get install gcc libc6-dev), or name it in CC.",
)
RT_RUNNER = code(
    "RT802",
    "the runner does not compile",
    "The C compiler refused the program that runs steps on this kernel. It is for x86_64 and needs a static libc.",
    advice="The message has the compiler's words.",
)
RT_NATIVE_TIME = code(
    "RT803",
    "a program did not end on this kernel",
    "The steps were stopped because they took too long. Nothing of them is left running.",
)
RT_NATIVE_STEP = code(
    "RT804",
    "a step that cannot be run on this kernel",
    "Some steps exist only in the simulation: reclaim, writeback, sysctl, other processes by `pid`.",
    advice="Leave the step out, or use `remaptrace check`.",
)
RT_NATIVE_END = code(
    "RT805",
    "a program ended early on this kernel",
    "The process that ran the steps died: it unmapped itself, ran out of memory, or was killed.",
    advice="Keep to addresses from 0x100000000000, where nothing of the runner lies.",
)
RT_TABLE_KIND = code(
    "RT810",
    "unknown kind of table",
    "The ending of the file says what is written: .csv, .jsonl or .parquet.",
    "remaptrace sweep traces -o table.xls",
)
RT_TABLE = code(
    "RT811",
    "not a table of this sweep",
    "A sweep goes on with the table it finds under the name of -o. The file there is another one.",
    advice="Choose another name, or move the file away.",
)
RT_PARQUET = code(
    "RT812",
    "Parquet is not installed",
    "Parquet tables need the extra `parquet`.",
    advice="pip install 'remaptrace[parquet]'",
)
RT_DISTRIBUTED = code(
    "RT813",
    "dask.distributed is not installed",
    "A sweep on a cluster needs the extra `distributed`.",
    advice="pip install 'remaptrace[distributed]'",
)
RT_SCHEDULER = code(
    "RT814",
    "no scheduler answers",
    "There is no dask scheduler at the address given with --dask, or its version does not fit.",
    "remaptrace sweep traces --dask tcp://localhost:8786",
)
