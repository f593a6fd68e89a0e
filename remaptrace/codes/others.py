"""Codes of machines, commands, replays, the running kernel, sweeps, and of failures inside."""

from __future__ import annotations

from .. import errorcodes as ec
from .code import ErrorCode

OTHERS: tuple[ErrorCode, ...] = (
    # -- RT4xx: machines and rules
    ErrorCode(
        ec.RT_KERNEL,
        "unknown kernel",
        "No preset of that name. A kernel is a named set of rules; 'remaptrace kernels' lists them.",
        "remaptrace run --kernel linux-2.6.22 trace.txt",
        "Take a preset of the nearest version and change single rules with --set.",
    ),
    ErrorCode(
        ec.RT_ARCH,
        "unknown architecture",
        "No architecture of that name or alias; 'remaptrace arches' lists them.",
        "remaptrace run --arch x86 trace.txt",
    ),
    ErrorCode(
        ec.RT_RULE,
        "unknown rule",
        "--set and `machine:` set rules by name, RAM and swap as ram=64M and swap=32M.",
        "remaptrace run --set max_map_cuont=100 trace.txt",
        "'remaptrace kernels NAME' lists the rules of a kernel with their values.",
    ),
    ErrorCode(
        ec.RT_RULE_VALUE,
        "value does not fit the rule",
        "A rule is a yes or no, a number (decimal, 0x..., 64K, -1 or unlimited) or one of a few words.",
        "remaptrace run --set guard_regions=maybe trace.txt",
    ),
    ErrorCode(
        ec.RT_MISMATCH,
        "architecture not described for this kernel",
        "PTE words of an architecture are described for Linux 2.6 or for kernels since 4.0, some for both under"
        " one name; those of um-x86_64 for 2.6 and from 6.1 on.",
        "remaptrace run --arch um-i386-2l --kernel linux-6.18 trace.txt",
        "Choose a kernel of the other family; User-mode Linux guests take their host with --host.",
    ),
    ErrorCode(
        ec.RT_HOST,
        "no User-mode Linux guest",
        "--host names the kernel below a User-mode Linux guest; it needs one of the um-... architectures.",
        "remaptrace run --arch i386 --host linux-6.18 trace.txt",
        "remaptrace run --arch um-i386 --kernel linux-2.6.21 --host linux-2.6.21-rfp trace.txt",
    ),
    ErrorCode(
        ec.RT_NO_ROOM,
        "recording too large for the guest",
        "A User-mode Linux guest has 512 GiB of addresses (x86_64) or less than 4 GiB (i386). A recording of a larger"
        " machine is moved down in blocks of 4 GiB; this one uses too many of them.",
        "remaptrace run --arch um-i386 --host linux-2.6.21 traces/java-100threads",
        "Take a guest with more address space, or a recording that reserves less.",
    ),
    ErrorCode(
        ec.RT_PRESET,
        "broken preset",
        "A preset file of the installation is malformed or its `base:` is missing.",
    ),
    ErrorCode(
        ec.RT_CONFIG,
        "configuration file not understood",
        "--sysctl takes the output of `sysctl -a`, --config a kernel's .config (plain or gzip, such as"
        " /proc/config.gz), --kernel a preset or a YAML file with `base:` and `rules:`.",
        "remaptrace run --config /proc/version trace.txt",
        "Check that the file is what the option takes.",
    ),
    # -- RT5xx: command line
    ErrorCode(
        ec.RT_USAGE,
        "command line not understood",
        "A command, option or argument is unknown, missing or has a value that makes no sense.",
        "remaptrace run --kernal linux-6.18 trace.txt",
        "'remaptrace COMMAND --help' lists what each command takes.",
    ),
    ErrorCode(
        ec.RT_OUTPUT,
        "output not written",
        "The file named by -o could not be written: no space, no permission, no such folder. Nothing half-written is"
        " left behind: the text goes to a temporary file beside it, which gets its name when complete.",
        "remaptrace run -o /full/report.svg trace.txt",
        "Make room, or name another place.",
    ),
    ErrorCode(
        ec.RT_MOMENT,
        "no such moment or process",
        "--at and --pid name an event or a process that the trace does not have.",
        "remaptrace maps --at 99999999 trace.txt",
        "Events count from 0; 'remaptrace run --format json' lists processes and gives event numbers.",
    ),
    ErrorCode(
        ec.RT_RECORD,
        "nothing can be recorded here",
        "No back end of `record` may be used: tracefs needs root, ptrace needs a container or sandbox that allows"
        " it, perf needs CAP_PERFMON. The message has the reason of each.",
        "remaptrace record --with trace -- ls",
        "In a container: `--cap-add SYS_PTRACE`, or a seccomp profile that allows ptrace. Else `--with ptrace`,"
        " or root.",
    ),
    ErrorCode(
        ec.RT_ATTACH,
        "process cannot be recorded",
        "The process of -p is not there, is traced already, or belongs to somebody else.",
        "remaptrace record -p 1",
        "Record as its owner, or as root; kernel.yama.ptrace_scope 1 lets only parents trace.",
    ),
    # -- RT6xx: replay
    ErrorCode(
        ec.RT_ARENA_FULL,
        "simulated memory exhausted",
        "The simulated kernel's own objects (areas, page tables, page frames) do not fit into the memory that the"
        " system grants. Nothing is known about what follows this event.",
        advice="Raise the limit of address space (ulimit -v), or replay a shorter trace.",
    ),
    ErrorCode(
        ec.RT_BROKEN_STATE,
        "simulated state broken",
        "A kernel of the engine met state that cannot be. This is a defect of remaptrace; the event named shows"
        " where.",
        advice="Please report the trace.",
    ),
    ErrorCode(
        ec.RT_ENGINE,
        "unknown engine",
        "The engine is 'auto' (the default: interpreted for short traces), 'interpreted' or 'compiled'.",
    ),
    ErrorCode(
        ec.RT_OTHER_TRACE,
        "results of different traces",
        "Two results can only be compared event by event when they are replays of the same trace.",
        advice="Load the trace once and replay it on both machines.",
    ),
    ErrorCode(
        ec.RT_BAD_TRACE,
        "event table inconsistent",
        "A row of the trace names a task, string or file that its tables do not have. Readers never make such a"
        " table; a hand-made one must number them from 0.",
    ),
    ErrorCode(
        ec.RT_MEMORY,
        "more memory than the limit",
        "The run needed more memory than --limit-memory (or REMAPTRACE_LIMIT_MEMORY) allows; without either three"
        " quarters of the machine's, or of the control group's. It ended before it took more.",
        "remaptrace --limit-memory 2G run trace.txt",
        "Look at the input: one line can ask for terabytes. Raise the limit if it is what you meant; 'none' takes"
        " it away.",
    ),
    ErrorCode(
        ec.RT_NOT_COMPILED,
        "engine not compiled",
        "The compiler, numba, failed to make machine code of the engine or of a reader of large logs; its last"
        " words are shown. Interpreted replay needs no compiler.",
        advice="Set REMAPTRACE_ENGINE=interpreted, or see whether the cache folder (REMAPTRACE_CACHE) can be written.",
    ),
    ErrorCode(
        ec.RT_IN_ARCHIVE,
        "inside an archive",
        "The package lies in a zip (a zipapp, a .pyz, a zip in PYTHONPATH). Presets, machine code and the programs that"
        " ask other kernels are files beside its sources, and some of them are given to other programs by name.",
        "PYTHONPATH=remaptrace.zip python -m remaptrace run trace.txt",
        "Unpack the archive, or install: pip install ., pipx install ., or a wheel (make wheel).",
    ),
    # -- RT8xx: the running kernel, sweeps
    ErrorCode(
        ec.RT_COMPILER,
        "no C compiler",
        "`remaptrace verify` runs programs on this kernel with a small C program that it compiles once.",
        advice="Install one (Debian: apt-get install gcc libc6-dev), or name it in CC.",
    ),
    ErrorCode(
        ec.RT_RUNNER,
        "the runner does not compile",
        "The C compiler refused the program that runs steps on a kernel. It is for x86_64 and needs the kernel's"
        " headers.",
        advice="The message has the compiler's words.",
    ),
    ErrorCode(
        ec.RT_NATIVE_TIME,
        "a program did not end on this kernel",
        "The steps were stopped because they took too long. Nothing of them is left running.",
    ),
    ErrorCode(
        ec.RT_NATIVE_STEP,
        "a step that cannot be run on this kernel",
        "Some steps exist only in the simulation: reclaim, writeback, sysctl, other processes by `pid`.",
        advice="Leave the step out, or use `remaptrace check`.",
    ),
    ErrorCode(
        ec.RT_NATIVE_END,
        "a program ended early on this kernel",
        "The process that ran the steps died: it unmapped itself, ran out of memory, or was killed.",
        advice="Keep to addresses from 0x100000000000, where nothing of the runner lies.",
    ),
    ErrorCode(
        ec.RT_NATIVE_PLACE,
        "the runner did not start there",
        "The command or machine that should have run the programs did not bring the runner's first words. What it"
        " wrote to its standard error is shown.",
        advice="Try it by hand with another static program: COMMAND /bin/busybox true.",
    ),
    ErrorCode(
        ec.RT_NO_CORPUS,
        "no conformance programs here",
        "The programs lie beside the package; this installation was made without them.",
        advice="Install from a wheel or a checkout of the project.",
    ),
    ErrorCode(
        ec.RT_NO_PROGRAM,
        "no conformance program fits",
        "The pattern of --kernel names no kernel of whose answers there are programs.",
        "remaptrace conformance --kernel linux-5.4",
        "'remaptrace conformance --list' shows them all.",
    ),
    ErrorCode(
        ec.RT_IMAGE,
        "no kernel image",
        "--in takes a bzImage for x86-64 (arch/x86/boot/bzImage, /boot/vmlinuz-...) or a User-mode Linux.",
        "remaptrace verify --in vmlinux --random 100",
        "make bzImage, or tools/fetch-kernels.sh for Debian's.",
    ),
    ErrorCode(
        ec.RT_IMAGE_LACKS,
        "the image did not run the programs",
        "The kernel has to unpack an initramfs, start a static 64-bit program from it, and have two serial lines. What"
        " it wrote to its console last is shown.",
        advice="CONFIG_BLK_DEV_INITRD, SERIAL_8250_CONSOLE, PROC_FS, SYSFS, TMPFS, MEMFD_CREATE; nothing of it as"
        " a module. Debian's cloud kernels have all.",
    ),
    ErrorCode(
        ec.RT_NO_EMULATOR,
        "no emulator",
        "A bzImage is booted by qemu-system-x86_64, which was not found.",
        advice="Install qemu-system-x86; a User-mode Linux needs none.",
    ),
    ErrorCode(
        ec.RT_TABLE_KIND,
        "unknown kind of table",
        "The ending of the file says what is written: .csv, .jsonl or .parquet.",
        "remaptrace sweep traces -o table.xls",
    ),
    ErrorCode(
        ec.RT_TABLE,
        "not a table of this sweep",
        "A sweep goes on with the table it finds under the name of -o. The file there is another one.",
        advice="Choose another name, or move the file away.",
    ),
    ErrorCode(
        ec.RT_PARQUET,
        "Parquet is not installed",
        "Parquet tables need the extra `parquet`.",
        advice="pip install 'remaptrace[parquet]'",
    ),
    ErrorCode(
        ec.RT_DISTRIBUTED,
        "dask.distributed is not installed",
        "A sweep on a cluster needs the extra `distributed`.",
        advice="pip install 'remaptrace[distributed]'",
    ),
    ErrorCode(
        ec.RT_SCHEDULER,
        "no scheduler answers",
        "There is no dask scheduler at the address given with --dask, or its version does not fit.",
        "remaptrace sweep traces --dask tcp://localhost:8786",
    ),
    ErrorCode(
        ec.RT_BROWSE,
        "textual is not installed",
        "`remaptrace browse` needs the extra `browse`.",
        advice="pip install 'remaptrace[browse]'",
    ),
)
