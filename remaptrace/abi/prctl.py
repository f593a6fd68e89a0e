"""Numbers of prctl that concern memory (include/uapi/linux/prctl.h)."""

from __future__ import annotations

PR_SET_MM, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE = 35, 41, 42
PR_SET_MDWE, PR_GET_MDWE, PR_SET_MEMORY_MERGE, PR_GET_MEMORY_MERGE = 65, 66, 67, 68
MDWE_REFUSE_EXEC_GAIN, MDWE_NO_INHERIT = 1, 2
PR_THP_DISABLE_EXCEPT_ADVISED = 2
PR_SET_MM_START_CODE, PR_SET_MM_END_CODE, PR_SET_MM_START_DATA, PR_SET_MM_END_DATA = 1, 2, 3, 4
PR_SET_MM_START_STACK, PR_SET_MM_START_BRK, PR_SET_MM_BRK, PR_SET_MM_EXE_FILE = 5, 6, 7, 13
PRCTL_OPTIONS: dict[str, int] = {
    "set_mm": PR_SET_MM,
    "set_thp_disable": PR_SET_THP_DISABLE,
    "get_thp_disable": PR_GET_THP_DISABLE,
    "set_mdwe": PR_SET_MDWE,
    "get_mdwe": PR_GET_MDWE,
    "set_memory_merge": PR_SET_MEMORY_MERGE,
    "get_memory_merge": PR_GET_MEMORY_MERGE,
}
