"""What calls of threads mapped and unmapped, looked at in the order of a log: see `trace.recorded.room`, `.overtaken`.

A call is an act, or two: mremap leaves its place and maps another. `sorts` says of each kind of event whether it maps,
unmaps or moves (MAPS, UNMAPS, MOVES; 0: no act); `pids` of each task the number of its process, -1 where no other
thread could have been overtaken. Columns are those of ACT_COLUMNS.
"""

from __future__ import annotations

from ...abi.mman import MAP_FIXED, MAP_FIXED_NOREPLACE, MREMAP_DONTUNMAP
from .columnwords import C_PLACE, C_WIDTH, number, number_of
from .jit import Bytes, Words, entry, kernel
from .wide import word

ACT_COLUMNS = ("kind", "task", "ret", "a0", "a1", "a2", "a3")
_KIND, _TASK, _RET, _A0, _A1, _A2, _A3 = range(7)
MAPS, UNMAPS, MOVES = 1, 2, 3

RING = 1024
"""Acts that are kept, a power of two: more than WINDOW and STEPS together."""
A_LOW, A_HIGH, A_MAPS, A_CHOSEN, A_TASK, A_EVENT, A_NUMBER = 0, 1, 2, 3, 4, 5, 6
"""Words of an act: what it maps or unmaps, bytes; whether it maps; whether the kernel chose where, and nothing was
there; whose it is, which event, the how manieth act."""
RING_WORDS = 8
N_EVENT, N_ACTS, N_CHOSEN, N_ROWS, N_WALKED, N_FULL = 0, 1, 2, 3, 4, 5
"""Where a pass goes on: the next event, how many acts there were before it, how many of them are kept as chosen; rows
of pages that are in use, stretches that were walked over, whether these became too many."""
STATE_WORDS = 6
STRETCHES, ROWS = 1 << 16, 1 << 15
"""Room for stretches of 2 MiB, a power of two, and for their rows of pages, fewer."""
ROW_WORDS = 8
_MOST_PIDS = (1 << 20) - 1
_WALK = 16
"""Stretches that an act may walk over, all acts together: more are not worth it."""
TOGETHER = 1024
"""Events of which those that may be acts are picked at once: `picked` has room for so many."""
P_MAPPING, P_MAKER, P_PLACE, P_LATEST, P_MAPPED = 0, 1, 2, 3, 4
"""Words of a pair of acts: the events; a place that both have; the event of the latest act upon it before the mapping,
-1: none among those looked at; whether that mapped."""
PAIR_WORDS = 5


@kernel
def _keep(ring: Words, act: int, low: int, length: int, maps: int, chosen: int, task: int, event: int) -> int:
    """Act number `act`; the number of the next."""
    place = act & (RING - 1)
    ring[place, A_LOW] = low
    ring[place, A_HIGH] = low + ((length + 4095) & ~4095)
    ring[place, A_MAPS] = maps
    ring[place, A_CHOSEN] = chosen
    ring[place, A_TASK] = task
    ring[place, A_EVENT] = event
    ring[place, A_NUMBER] = act
    return act + 1


@kernel
def _pick(columns: Words, sorts: Bytes, event: int, last: int, picked: Words) -> int:
    """Enter into `picked` which of the next events may be acts; how many. Nothing branches: which, nobody can guess."""
    place, width = columns[_KIND, C_PLACE], columns[_KIND, C_WIDTH]
    n = 0
    for at in range(event, min(event + TOGETHER, last)):
        picked[n] = at
        n += 1 if sorts[number(place, width, at) & 255] != 0 else 0
    return n


@kernel
def _acts(columns: Words, sorts: Bytes, pids: Words, event: int, ring: Words, acts: int) -> int:
    """Keep the acts of `event`, one that was picked, behind the `acts` before it; how many there are now."""
    sort = word(sorts[number_of(columns, _KIND, event) & 255])
    task = number_of(columns, _TASK, event)
    ret = number_of(columns, _RET, event)
    if pids[task] < 0 or -4095 <= ret < 0:
        return acts
    a0, a1, a3 = (
        number_of(columns, _A0, event),
        number_of(columns, _A1, event),
        number_of(columns, _A3, event),
    )
    if sort != MOVES:  # one as likely as the other: a choice, not a branch
        maps = 1 if sort == MAPS else 0
        chosen = maps if a3 & (MAP_FIXED | MAP_FIXED_NOREPLACE) == 0 else 0
        return _keep(ring, acts, ret if maps != 0 else a0, a1, maps, chosen, task, event)
    a2 = number_of(columns, _A2, event)
    if (ret != a0 and a3 & MREMAP_DONTUNMAP == 0) or a2 < a1:
        stays = a2 if ret == a0 else 0
        acts = _keep(ring, acts, a0 + stays, a1 - stays, 0, 0, task, event)
    return _keep(ring, acts, ret, a2, 1, 0, task, event)


@kernel
def _row_of(stretches: Words, state: Words, rows: int, pid: int, stretch: int, make: int) -> int:
    """The row of pages of a stretch of a process; with `make` a new one where it has none. -1: none, or no room."""
    key = (stretch << 20 | pid) + 1
    slot = (((stretch >> 3 & 0xFFF_FFFF) * 0x9E37_79B1 + pid * 0x85EB_CA6B) >> 16 << 3 | stretch & 7) & (
        len(stretches) - 1
    )  # eight neighbours together
    while stretches[slot, 0] != key:
        if stretches[slot, 0] == 0:
            row = word(state[N_ROWS])
            if make == 0 or row == rows:
                return -1
            stretches[slot, 0] = key
            stretches[slot, 1] = row
            state[N_ROWS] = row + 1
            return row
        slot = (slot + 1) & (len(stretches) - 1)
    return word(stretches[slot, 1])


@kernel
def _mapped_before(
    stretches: Words, pages: Words, state: Words, acts: int, pid: int, low: int, high: int, maps: int
) -> int:
    """Note that an act maps or unmaps; 0: no act that mapped is the latest upon any byte of it.

    Pages count whole: as mapped if any of their bytes is, as unmapped if all are. So what is not 0 proves nothing, and
    an execve needs no note.
    """
    if state[N_FULL] != 0:
        return 1
    end = max(high, low + 1)
    page = (low >> 12) + (1 if (low & 4095 != 0) & (maps == 0) else 0)
    last = ((end - 1) >> 12) - (1 if (end & 4095 != 0) & (maps == 0) else 0)
    walked = word(state[N_WALKED]) + max((last >> 9) - (page >> 9), 0)
    state[N_WALKED] = walked
    if walked > _WALK * acts + ROWS or pid >= _MOST_PIDS:
        state[N_FULL] = 1
        return 1
    had = 0
    while page <= last:
        stop = min(last, page | 511)
        row = _row_of(stretches, state, len(pages), pid, page >> 9, maps)
        if row < 0:
            if maps != 0:
                state[N_FULL] = 1
                return 1
            page = stop + 1
        while page <= stop:
            to = min(stop, page | 63)
            mask = ((2 << (to & 63)) - 1) & (-1 << (page & 63))
            at = (page >> 6) & (ROW_WORDS - 1)
            was = word(pages[row, at])
            had |= was & mask
            pages[row, at] = (was & ~mask) | (mask & -maps)
            page = to + 1
    return 1 if had != 0 else 0


@kernel
def _acts_between(columns: Words, first: int, last: int, task: int) -> bool:
    """Whether `task` has an event behind event `first` and in front of `last`."""
    event = first + 1
    while event < last and number_of(columns, _TASK, event) != task:
        event += 1
    return event < last


@kernel
def _pair(ring: Words, pids: Words, mapping: int, maker: int, back: int, out: Words, n: int) -> int:
    """Row `n` of `out`: the pair of two acts, and the latest act upon their place among the `back` before."""
    m, u = mapping & (RING - 1), maker & (RING - 1)
    place = max(word(ring[m, A_LOW]), word(ring[u, A_LOW]))
    pid = pids[ring[m, A_TASK]]
    out[n, P_MAPPING] = ring[m, A_EVENT]
    out[n, P_MAKER] = ring[u, A_EVENT]
    out[n, P_PLACE] = place
    out[n, P_LATEST] = -1
    out[n, P_MAPPED] = 0
    act = mapping - 1
    while act >= 0 and act >= mapping - back:
        at = act & (RING - 1)
        if ring[at, A_LOW] <= place < max(word(ring[at, A_HIGH]), word(ring[at, A_LOW]) + 1):
            if pids[ring[at, A_TASK]] == pid:
                out[n, P_LATEST] = ring[at, A_EVENT]
                out[n, P_MAPPED] = ring[at, A_MAPS]
                return 0
        act -= 1
    return 0


@entry(
    "int64(int64[:, ::1], uint8[::1], int64[::1], int64, int64, int64, int64, int64[:, ::1], int64[:, ::1],"
    " int64[::1], int64[::1], int64[:, ::1], int64[:, ::1], int64[:, ::1])"
)
def near_pairs(
    columns: Words,
    sorts: Bytes,
    pids: Words,
    last: int,
    steps: int,
    window: int,
    back: int,
    ring: Words,
    chosen: Words,
    picked: Words,
    state: Words,
    stretches: Words,
    pages: Words,
    out: Words,
) -> int:
    """Pairs of a mapping whose place the kernel chose and, behind it, what unmaps of it and its thread does next.

    They are at most `steps` acts and `window` events apart, of one process and of two threads. Left out are mappings
    of pages where nothing was mapped, as nearly all are: see `_mapped_before`, whose notes are `stretches` (key, row)
    and `pages` (a bit for each page), zeros at first. `ring` keeps acts, `chosen` the mappings that are left. Goes on
    where `state` says until event `last`, or until `out` may be too short: how many rows of it are filled.
    """
    n = 0
    acts = word(state[N_ACTS])
    kept = word(state[N_CHOSEN])
    begin = word(state[N_EVENT])
    newest = word(chosen[(kept - 1) & (RING - 1), A_EVENT]) if kept != 0 else -1 - window
    at_pick = count = 0
    while n + 2 * steps <= len(out):
        if at_pick == count:  # all of these are done
            if begin >= last:
                break
            count = _pick(columns, sorts, begin, last, picked)
            at_pick = 0
            begin = min(begin + TOGETHER, last)
            continue
        event = word(picked[at_pick])
        at_pick += 1
        before = acts
        acts = _acts(columns, sorts, pids, event, ring, acts)
        while before < acts:
            mine = before & (RING - 1)
            task, low, high = word(ring[mine, A_TASK]), word(ring[mine, A_LOW]), word(ring[mine, A_HIGH])
            maps = word(ring[mine, A_MAPS])
            had = _mapped_before(stretches, pages, state, acts, word(pids[task]), low, high, maps)
            if event - newest <= window and maps == 0:  # the first of them seldom holds
                one = kept - 1
                while one >= 0:
                    at = one & (RING - 1)
                    if event - chosen[at, A_EVENT] > window or chosen[at, A_NUMBER] < before - steps:
                        break
                    if (
                        low < chosen[at, A_HIGH]
                        and high > chosen[at, A_LOW]
                        and chosen[at, A_TASK] != task
                        and pids[chosen[at, A_TASK]] == pids[task]
                        and not _acts_between(columns, word(chosen[at, A_EVENT]), event, task)
                    ):
                        _pair(ring, pids, word(chosen[at, A_NUMBER]), before, back, out, n)
                        n += 1
                    one -= 1
            elif had != 0 and ring[mine, A_CHOSEN] != 0:
                for i in range(RING_WORDS):
                    chosen[kept & (RING - 1), i] = ring[mine, i]
                kept += 1
                newest = event
            before += 1
    state[N_ACTS] = acts
    state[N_CHOSEN] = kept
    state[N_EVENT] = picked[at_pick] if at_pick < count else begin
    return n


@kernel
def _stretch(at: int, lowest: int, shift: int, stretches: int) -> int:
    return min(max(at - lowest, 0) >> shift, stretches - 1)


@kernel
def _first_from(places: Words, first: int, last: int, address: int) -> int:
    """The first of places first..last-1, which ascend, that is not below `address`."""
    while first < last:
        middle = (first + last) >> 1
        if places[middle] < address:
            first = middle + 1
        else:
            last = middle
    return first


Q_EVENT, Q_PLACE, Q_LATEST, Q_MAPPED = 0, 1, 2, 3
"""Words of a question: an event and a place's number; the answer."""
QUESTION_WORDS = 4
U_LATEST, U_MAPPED = 0, 1
"""Words of a place: the latest act upon it so far, -1: none; whether it mapped."""


@entry(
    "int64(int64[:, ::1], uint8[::1], int64[::1], int64, int64[::1], int64[::1], int64[::1], int64, int64, int64,"
    " int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[::1], int64)"
)
def latest_acts(
    columns: Words,
    sorts: Bytes,
    pids: Words,
    last: int,
    places: Words,
    rows: Words,
    below: Words,
    stretches: int,
    lowest: int,
    shift: int,
    upon: Words,
    questions: Words,
    ring: Words,
    picked: Words,
    most: int,
) -> int:
    """Answer `questions`, sorted by events before `last`: the latest act upon a place in front of an event, an act.

    `places` are sorted by process and address. Process p has row ``rows[p]``, -1: no place is its own; of a row the
    memory is counted in stretches of 1 << `shift` bytes from `lowest` on, the last without an end: in front of stretch
    s there are ``below[row * stretches + s]`` places. Gives how many acts and places met, -1: more than `most`.
    """
    met = 0
    question = 0
    begin = at_pick = count = 0
    while begin < last or at_pick < count:
        if at_pick == count:
            count = _pick(columns, sorts, begin, last, picked)
            at_pick = 0
            begin += TOGETHER
            continue
        event = word(picked[at_pick])
        at_pick += 1
        while question < len(questions) and questions[question, Q_EVENT] == event:
            place = word(questions[question, Q_PLACE])
            questions[question, Q_LATEST] = upon[place, U_LATEST]
            questions[question, Q_MAPPED] = upon[place, U_MAPPED]
            question += 1
        made = _acts(columns, sorts, pids, event, ring, 0)
        for act in range(made):
            row = word(rows[pids[ring[act, A_TASK]]])
            if row < 0:
                continue
            low = word(ring[act, A_LOW])
            end = max(word(ring[act, A_HIGH]) - 1, low)
            place = word(below[row * stretches + _stretch(low, lowest, shift, stretches)])
            beyond = word(below[row * stretches + _stretch(end, lowest, shift, stretches) + 1])
            if place == beyond:
                continue
            place = _first_from(places, place, beyond, low)
            while place < beyond and places[place] <= end:
                upon[place, U_LATEST] = event
                upon[place, U_MAPPED] = ring[act, A_MAPS]
                place += 1
                met += 1
                if met > most:
                    return -1
    return met


F_EVENT, F_END, F_TASK = 0, 1, 2
"""Words of a mapping whose place the kernel chose: its event, where it ends, whose it is."""


@entry(
    "int64(int64[:, ::1], uint8[::1], int64, int64, int64, int64, int64, int64[:, ::1], int64[::1], int64[::1],"
    " int64[:, ::1])"
)
def walls(
    columns: Words,
    sorts: Bytes,
    last: int,
    above: int,
    not_flags: int,
    window: int,
    huge: int,
    ring: Words,
    picked: Words,
    state: Words,
    out: Words,
) -> int:
    """Pairs of mappings of two threads, the second right above the first, at most `window` events apart.

    Of a kind that has a sort, placed by the kernel `above` an address without one of `not_flags`; the first has no
    whole huge pages. Each row of `out`: how many such mappings they are apart, the events. Goes on where `state` says
    until event `last` or until `out` may be too short: how many rows are filled.
    """
    n = 0
    acts = word(state[N_ACTS])
    begin = word(state[N_EVENT])
    at_pick = count = 0
    while n + window <= len(out):
        if at_pick == count:  # all of these are done
            if begin >= last:
                break
            count = _pick(columns, sorts, begin, last, picked)
            at_pick = 0
            begin = min(begin + TOGETHER, last)
            continue
        event = word(picked[at_pick])
        at_pick += 1
        place = number_of(columns, _RET, event)
        free = number_of(columns, _A0, event) == 0
        if free & (place > above) & (number_of(columns, _A3, event) & not_flags == 0):
            task = number_of(columns, _TASK, event)
            act = acts - 1
            while act >= 0 and event - ring[act & (RING - 1), F_EVENT] <= window:
                at = act & (RING - 1)
                if ring[at, F_END] == place and ring[at, F_TASK] != task:
                    out[n, 0] = acts - act
                    out[n, 1] = ring[at, F_EVENT]
                    out[n, 2] = event
                    n += 1
                act -= 1
            size = (number_of(columns, _A1, event) + 4095) & ~4095
            at = acts & (RING - 1)
            ring[at, F_EVENT] = event
            ring[at, F_END] = place + size
            ring[at, F_TASK] = task
            if place & (huge - 1) == 0 and size >= huge:
                ring[at, F_END] = -1  # with a hole above
            acts += 1
    state[N_ACTS] = acts
    state[N_EVENT] = picked[at_pick] if at_pick < count else begin
    return n
