"""Codes of what is read: scenarios, our own formats, recorded text."""

from __future__ import annotations

from .. import errorcodes as ec
from .code import ErrorCode

INPUTS: tuple[ErrorCode, ...] = (
    # -- RT1xx: scenarios
    ErrorCode(
        ec.RT_YAML,
        "not valid YAML",
        "The file is not a YAML document that the safe subset allows: a syntax error, more than one document, or"
        " a tag.",
        "steps:\n- mmap: {addr: 0x1000, length: 4096",
        "Close the bracket or quote that the message names. Tags (!!python/...) are never loaded.",
    ),
    ErrorCode(
        ec.RT_TOP_KEY,
        "unknown or missing key of a scenario",
        "The top level of a scenario has the keys name, about, arch, page_size, machine, vars, files, layout,"
        " initial, brk_start, mmap_base, first_free_top, steps and vmas.",
        "step:\n- dump: {}",
        "Check the spelling; `steps` is required.",
    ),
    ErrorCode(
        ec.RT_STEP,
        "unknown step",
        "Each entry of `steps` is one operation with its arguments, and optionally `expect` and `pid`.",
        "- mumap: {addr: 0x1000, length: 4096}",
        "See the table of steps in docs/scenario-format.md.",
    ),
    ErrorCode(
        ec.RT_FIELD,
        "unknown or missing field of a step",
        "The operation has other arguments than these, or one that it needs is absent.",
        "- munmap: {addr: 0x1000, size: 4096}",
        "The message lists the fields of the operation.",
    ),
    ErrorCode(
        ec.RT_NAME,
        "unknown flag or name",
        "A flag, advice, seal, resource or protection has no such name. Names are those of the kernel without"
        " their prefix and in lower case; a number is taken as it is.",
        "- mmap: {addr: 0, length: 4096, prot: rw, flags: [shard, fixed]}",
        "Use one of the names listed, or the number.",
    ),
    ErrorCode(
        ec.RT_VALUE,
        "value of the wrong kind",
        "A field holds something else than it should: text for a number, a list for a single value, a number out"
        " of range.",
        "- munmap: {addr: here, length: 4096}",
        "Numbers are decimal or 0x hexadecimal bytes, with KiB, MiB, GiB or TiB if you like.",
    ),
    ErrorCode(
        ec.RT_REFERENCE,
        "reference to a step that returns no address",
        "'@N+0x1000' is the address that step N returned (counted from 0), plus 0x1000. Step N must come before"
        " and be one that returns an address.",
        "- munmap: {addr: '@7', length: 4096}   # as step 3",
        "Count the entries of `steps` from 0, or give the step a name with `as:` and write '@name'.",
    ),
    ErrorCode(
        ec.RT_FILE,
        "unknown file",
        "A step uses a file that no memfd, diskfile, reopen, dup or `files` entry before it has made.",
        "- mmap: {addr: 0, length: 4096, prot: r, flags: [shared], fd: b}",
        "Make the file first; `fd: bad` is a closed descriptor, -1 none.",
    ),
    ErrorCode(
        ec.RT_LIMIT,
        "scenario too large",
        "A limit that protects against documents built to exhaust memory: nesting, aliases that expand to millions of"
        " nodes, or repeats that make more than 16,777,216 steps.",
        "- repeat: {count: 1000000000000, steps: [...]}",
        "Split the scenario, or touch ranges with `pages:` instead of single pages.",
    ),
    ErrorCode(
        ec.RT_EXPRESSION,
        "bad expression",
        "An expression has numbers, names of `vars` and loops, + - * // % << >> & | ^ ~ ( ) and min, max. Nothing"
        " else.",
        "- munmap: {addr: base + j * page, length: page}   # there is no j",
        "Use a name that `vars` or an enclosing `repeat` defines; `page` is the page size.",
    ),
    ErrorCode(
        ec.RT_EXPECT,
        "bad expectation",
        "`expect` has a field that this operation cannot answer, or a value that can never come.",
        "- munmap: {addr: 0x1000, length: 4096}\n  expect: {outcome: ok}",
        "See the table of answers in docs/scenario-format.md.",
    ),
    ErrorCode(
        ec.RT_PROCESS,
        "unknown process",
        "`pid:` names a process that no fork before this step has made.",
        "- munmap: {addr: 0x1000, length: 4096}\n  pid: 7",
        "Make it with `fork: {child: 7}`; the first process is 1.",
    ),
    # -- RT2xx: opening files, our own formats, conversion
    ErrorCode(
        ec.RT_MISSING,
        "file cannot be opened",
        "The path does not exist, or may not be read, or is neither a file nor a directory.",
        "remaptrace run no-such-file.txt",
        "Check the path; '-' reads standard input.",
    ),
    ErrorCode(
        ec.RT_EMPTY,
        "empty input",
        "The file holds no bytes, or nothing but white space.",
        advice="Was the recording interrupted before its first line?",
    ),
    ErrorCode(
        ec.RT_UNKNOWN_FORMAT,
        "format not recognised",
        "The beginning of the file looks like none of the formats that remaptrace reads: YAML scenario, strace text, "
        "ftrace text, perf script, perf trace, gVisor, qemu-user, valgrind, syzkaller, JSON Lines, column file;"
        " plain or compressed (gzip, zstd, xz, bzip2). Binary perf.data and "
        "trace.dat files must be turned into text first.",
        "remaptrace run perf.data",
        "Use `perf script > perf.txt` or `trace-cmd report > ftrace.txt`.",
    ),
    ErrorCode(
        ec.RT_COMPRESSED,
        "compressed file is damaged",
        "The gzip, zstd, xz or bzip2 data ends early, fails its checksum, or expands beyond the limit of 8 GiB.",
        advice="Fetch or compress the file again.",
    ),
    ErrorCode(
        ec.RT_NO_TRACES,
        "no traces here",
        "The directory holds neither scenarios (*.yaml) nor a recorded set (strace.txt, ftrace.txt, perf.txt) nor a "
        "family of strace -ff files.",
        advice="Name the files themselves, or the directory above.",
    ),
    ErrorCode(
        ec.RT_FORMAT_NAME,
        "unknown format name",
        "A reader or writer was asked for by a name that does not exist.",
        "remaptrace convert in.txt -o out.xml",
        "Formats: columns, jsonl, scenario, gvisor, valgrind, ftrace, perf, syzkaller, qemu, strace.",
    ),
    ErrorCode(
        ec.RT_COLUMNS,
        "damaged column file",
        "A .rtcols file has no valid header, ends early, or was written by another version.",
        advice="Delete it; it is made again from the source.",
    ),
    ErrorCode(
        ec.RT_JSONL,
        "bad line in a JSON Lines trace",
        "A line is not a JSON object, or has an unknown kind or argument.",
        '{"kind": "mmapp", "addr": 0}',
        "See docs/jsonl-format.md.",
    ),
    ErrorCode(
        ec.RT_WRITE,
        "output not written",
        "The file named by -o could not be written: no space, no permission, no such directory. Nothing"
        " half-written is left behind.",
    ),
    ErrorCode(
        ec.RT_CONVERT,
        "not expressible in that format",
        "The trace has events that the target format cannot hold.",
        advice="JSON Lines and columns hold every trace.",
    ),
    ErrorCode(
        ec.RT_REWRITE,
        "unknown rewrite",
        "--rewrite names a way of mapping that the program could have used instead.",
        "remaptrace run traces/uml-touch2000 --rewrite rpf",
        "One of rfp, rfp-guards, guards, merge-order; several are applied one after the other.",
    ),
    # -- RT3xx: recorded text
    ErrorCode(
        ec.RT_LINE,
        "line not understood",
        "A line of a recorded log has none of the forms that the recorder prints. It is skipped and counted.",
        "15328 mmap(NULL, 8192, PROT_READ|PROT_WR15329 close(3) = 0",
        "Two recorders may have written to one file; give each its own (-o, -ff).",
    ),
    ErrorCode(
        ec.RT_CUT,
        "line cut off",
        "The log ends in the middle of a line. The call on it is not replayed.",
        "15328 mmap(NULL, 8192, PROT_RE",
        "Nothing is lost but this call; record again if it matters.",
    ),
    ErrorCode(
        ec.RT_RESUMED,
        "result without its call",
        "A line continues a call whose beginning is not in the log, so its arguments are unknown.",
        "15328 <... mmap resumed>) = 0x7f0b87c9a000",
        "The beginning of the log is missing, or was filtered; record from the start of the program.",
    ),
    ErrorCode(
        ec.RT_SYMBOL,
        "unknown name in a call",
        "An argument is a name that stands for a number, and this name is not known.",
        "28484 mmap(NULL, 4096, PROT_READ, MAP_PRIVAT, 3, 0) = 0x7f20a4182000",
        "Record with `strace -X verbose`, which prints the numbers too.",
    ),
    ErrorCode(
        ec.RT_ARGUMENT,
        "argument of the wrong kind",
        "A call has fewer arguments than it needs, or one that is not a number of at most 64 bits.",
        "28484 munmap(0x7f20a3f56001) = 0",
        "The line is skipped; see whether the log was edited.",
    ),
    # -- RT32x: kernel traces as text (ftrace, perf) and recorded sets
    ErrorCode(
        ec.RT_KERNEL_LINE,
        "line of a kernel trace that cannot be read",
        "A line of ftrace or perf text has no task, no event, or an event whose fields are cut or damaged. It is"
        " skipped and counted; the rest of the trace is read.",
        "              sh-20676   [001] d....  2145.579798: page_fault_user: address=0x7fe7",
        "Check whether the file was cut. `cat trace` or `perf script` prints whole lines.",
    ),
    ErrorCode(
        ec.RT_KERNEL_FORM,
        "form of a kernel trace that leaves out what a replay needs",
        "Some options make ftrace or perf print less than a replay needs: the raw option prints numbers of events"
        " without arguments, nocontext-info and `-F event,trace` leave out the task, `page-faults` without addr"
        " leave out the address.",
        "20930 1 2148680998181 type: 190",
        "Record again without that option; docs/formats.md names the forms.",
    ),
    ErrorCode(
        ec.RT_MAPS,
        "not a maps file",
        "A file given as recorded memory map does not have the lines of /proc/PID/maps.",
        "7f20a4187000 r--p [vvar]",
        "Copy /proc/PID/maps as it is: START-END PERMS OFFSET DEV INODE PATH.",
    ),
    ErrorCode(
        ec.RT_SET,
        "not a recorded set",
        "A recorded set is a directory with ftrace.txt, perf.txt or strace.txt (plain or compressed), and, beside it,"
        " maps/, mapcount.txt and summary.json.",
        "remaptrace run traces/empty",
        "See traces/HOW-RECORDED.md for how a set is made.",
    ),
    ErrorCode(
        ec.RT_TRUTH,
        "line of mapcount.txt that cannot be read",
        "A line of recorded kernel counters has ten columns: time, process, thread, event, result, and five"
        " counters.",
        "3646869362878 28484 28484 exit_mmap",
        "Check whether the file was cut.",
    ),
)
