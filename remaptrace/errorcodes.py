"""Every error code that remaptrace shows. What `remaptrace explain CODE` says about it stands in `codes/`.

One registry for all rooms. A code, once given, keeps its meaning. Ranges: RT1xx scenarios, RT2xx opening files and
our own formats, RT3xx recorded text, RT4xx machines and rules, RT5xx command line, RT6xx replay, RT8xx the running
kernel and sweeps, RT9xx internal. Add yours below its range, and its text in `codes/`.
"""

from __future__ import annotations

# -- RT1xx: scenarios
RT_YAML = "RT100"
RT_TOP_KEY = "RT101"
RT_STEP = "RT102"
RT_FIELD = "RT103"
RT_NAME = "RT104"
RT_VALUE = "RT105"
RT_REFERENCE = "RT106"
RT_FILE = "RT107"
RT_LIMIT = "RT108"
RT_EXPRESSION = "RT109"
RT_EXPECT = "RT110"
RT_PROCESS = "RT111"

# -- RT2xx: opening files, our own formats, conversion
RT_MISSING = "RT200"
RT_EMPTY = "RT201"
RT_UNKNOWN_FORMAT = "RT202"
RT_COMPRESSED = "RT203"
RT_NO_TRACES = "RT204"
RT_FORMAT_NAME = "RT205"
RT_COLUMNS = "RT210"
RT_JSONL = "RT211"
RT_WRITE = "RT220"
RT_CONVERT = "RT221"
RT_REWRITE = "RT230"

# -- RT3xx: recorded text
RT_LINE = "RT301"
RT_CUT = "RT302"
RT_RESUMED = "RT303"
RT_SYMBOL = "RT304"
RT_ARGUMENT = "RT305"

# -- RT4xx: machines and rules
RT_KERNEL = "RT401"
RT_ARCH = "RT402"
RT_RULE = "RT403"
RT_RULE_VALUE = "RT404"
RT_MISMATCH = "RT405"
RT_HOST = "RT407"
RT_NO_ROOM = "RT410"
RT_PRESET = "RT406"
RT_CONFIG = "RT408"

# -- RT5xx: command line
RT_USAGE = "RT501"
RT_OUTPUT = "RT502"
RT_MOMENT = "RT503"
RT_RECORD = "RT510"
RT_ATTACH = "RT511"

# -- RT32x: kernel traces as text (ftrace, perf) and recorded sets
RT_KERNEL_LINE = "RT320"
RT_KERNEL_FORM = "RT321"
RT_MAPS = "RT325"
RT_SET = "RT326"
RT_TRUTH = "RT327"

# -- RT6xx: replay
RT_ARENA_FULL = "RT600"
RT_BROKEN_STATE = "RT601"
RT_ENGINE = "RT602"
RT_OTHER_TRACE = "RT604"
RT_BAD_TRACE = "RT603"
RT_MEMORY = "RT606"
RT_NOT_COMPILED = "RT605"
RT_IN_ARCHIVE = "RT607"

# -- RT8xx: the running kernel, sweeps
RT_COMPILER = "RT801"
RT_RUNNER = "RT802"
RT_NATIVE_TIME = "RT803"
RT_NATIVE_STEP = "RT804"
RT_NATIVE_END = "RT805"
RT_NATIVE_PLACE = "RT806"
RT_NO_CORPUS = "RT820"
RT_NO_PROGRAM = "RT821"
RT_IMAGE = "RT822"
RT_IMAGE_LACKS = "RT823"
RT_NO_EMULATOR = "RT824"
RT_TABLE_KIND = "RT810"
RT_TABLE = "RT811"
RT_PARQUET = "RT812"
RT_DISTRIBUTED = "RT813"
RT_SCHEDULER = "RT814"
RT_BROWSE = "RT815"
