"""Numbers of prctl that concern memory (include/uapi/linux/prctl.h)."""

from __future__ import annotations

PR_SET_VMA = 0x53564D41
PR_SET_MM, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE = 35, 41, 42
PR_SET_MDWE, PR_GET_MDWE, PR_SET_MEMORY_MERGE, PR_GET_MEMORY_MERGE = 65, 66, 67, 68
MDWE_REFUSE_EXEC_GAIN, MDWE_NO_INHERIT = 1, 2
PR_THP_DISABLE_EXCEPT_ADVISED = 2
PR_SET_MM_START_CODE, PR_SET_MM_END_CODE, PR_SET_MM_START_DATA, PR_SET_MM_END_DATA = 1, 2, 3, 4
PR_SET_MM_START_STACK, PR_SET_MM_START_BRK, PR_SET_MM_BRK, PR_SET_MM_ENV_END = 5, 6, 7, 11
PR_SET_MM_AUXV, PR_SET_MM_EXE_FILE, PR_SET_MM_MAP, PR_SET_MM_MAP_SIZE = 12, 13, 14, 15
PRCTL_OPTIONS: dict[str, int] = {
    "set_mm": PR_SET_MM,
    "set_thp_disable": PR_SET_THP_DISABLE,
    "get_thp_disable": PR_GET_THP_DISABLE,
    "set_mdwe": PR_SET_MDWE,
    "get_mdwe": PR_GET_MDWE,
    "set_memory_merge": PR_SET_MEMORY_MERGE,
    "get_memory_merge": PR_GET_MEMORY_MERGE,
}
PRCTL: dict[str, int] = (
    {
        name: number
        for number, name in enumerate(
            "SET_PDEATHSIG GET_PDEATHSIG GET_DUMPABLE SET_DUMPABLE GET_UNALIGN SET_UNALIGN GET_KEEPCAPS SET_KEEPCAPS"
            " GET_FPEMU SET_FPEMU GET_FPEXC SET_FPEXC GET_TIMING SET_TIMING SET_NAME GET_NAME".split(),
            1,
        )
    }
    | {
        name: number
        for number, name in enumerate(
            "GET_ENDIAN SET_ENDIAN GET_SECCOMP SET_SECCOMP CAPBSET_READ CAPBSET_DROP GET_TSC SET_TSC GET_SECUREBITS"
            " SET_SECUREBITS SET_TIMERSLACK GET_TIMERSLACK TASK_PERF_EVENTS_DISABLE TASK_PERF_EVENTS_ENABLE MCE_KILL"
            " MCE_KILL_GET SET_MM SET_CHILD_SUBREAPER GET_CHILD_SUBREAPER SET_NO_NEW_PRIVS GET_NO_NEW_PRIVS"
            " GET_TID_ADDRESS SET_THP_DISABLE GET_THP_DISABLE".split(),
            19,
        )
    }
    | {
        "SET_MDWE": 65,
        "GET_MDWE": 66,
        "SET_VMA": PR_SET_VMA,
        "SET_MEMORY_MERGE": PR_SET_MEMORY_MERGE,
        "GET_MEMORY_MERGE": PR_GET_MEMORY_MERGE,
        "CAP_AMBIENT": 47,
    }
)
"""Options of prctl by their names without PR_."""
