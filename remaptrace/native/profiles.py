"""What random programs are about: the kinds of steps of each subject, and how often each comes."""

from __future__ import annotations

Weights = dict[str, int]


def _weights(text: str) -> Weights:
    """``"map 20 unmap 6"`` as a mapping."""
    words = text.split()
    return {kind: int(weight) for kind, weight in zip(words[::2], words[1::2], strict=True)}


PROFILES: dict[str, Weights] = {
    name: _weights(text)
    for name, text in {
        "merge": """
            map 20 unmap 6 protect 14 move 7 flag_advice 10 lock 6 write 14 read 6 fork 1 fork_wait 1
            dump 3 grow 2 below 2 unusual 5
        """,
        "uml": """
            file_page 30 unmap 8 protect 6 write 20 read 12 fork_wait 1 pages 3 dump 3 move 1
        """,
        "guard": """
            map 10 guard 22 unmap 3 protect 7 move 5 drop 6 lock 3 write 12 read 12 exec 2 populate 6
            mincore 3 pages 5 fork 1 dump 2
        """,
        "rfp": """
            shared 12 remap 28 unmap 4 protect 6 move 4 write 10 read 12 resize 3 mincore 3 pages 4 lock
            2 flag_advice 2 dump 3
        """,
        "fault": """
            map 12 shared 8 private_file 8 unmap 3 protect 8 move 4 write 20 read 20 exec 6 resize 4
            file_byte 4 drop 6 populate 4 sync 2 pages 8 mincore 3 fork 1 fork_wait 1 huge 6 huge_part 8
            grow 4 below 6 punch 3
        """,
        "thp": """
            huge 16 huge_piece 40 collapse 22 fork_wait 1 dump 3
        """,
        "sysv": """
            segment 6 attach 22 detach 6 segment_control 5 segment_piece 10 unmap 5 protect 12 move 4
            flag_advice 4 lock 3 write 14 read 8 populate 2 drop 3 mincore 2 fork 1 fork_wait 1 map 4 pages 2
            dump 4
        """,
        "numa": """
            policy 34 home_node 8 task_policy 3 map 14 shared 4 private_file 3 unmap 5 protect 8 move 7
            flag_advice 3 lock 2 write 8 read 4 fork 1 fork_wait 1 dump 4 grow 1 below 1 seal 1
        """,
        "uffd": """
            register 20 unregister 5 uffd_move 14 uffd_fill 18 uffd_piece 8 uffd_again 1 uffd_close 1 map 6
            shared 4 private_file 2 unmap 3 protect 6 flag_advice 3 lock 2 write 18 read 12 pages 5 fork 1
            fork_wait 1 drop 3 populate 2 file_byte 2 resize 1 mincore 2 dump 4 grow 1 below 1
        """,
        "special": """
            special_map 16 special_touch 24 special_call 22 special_advice 22 special_file 2 map 3 unmap 2
            protect 3 lock 2 mincore 3 fork 1 fork_wait 1 dump 4
        """,
        "huge": """
            hugetlb_map 18 hugetlb_touch 30 hugetlb_call 18 hugetlb_advice 12 hugetlb_file 5 hugetlb_segment 5
            pool 2 hugepages 10 fork 1 fork_wait 1 dump 2
        """,
        "names": """
            name 34 map 10 shared 4 private_file 3 unmap 5 protect 10 move 8 flag_advice 5 lock 3 write 8 read 3
            fork 1 fork_wait 1 seal 1 dump 3
        """,
        "process": """
            process_prctl 14 lock_all 6 persona 4 process_vm 14 aio 16 allocate 8 map 12 shared 4 private_file 3
            unmap 4 protect 8 move 6 flag_advice 4 lock 3 write 10 read 6 populate 3 drop 2 mincore 2 fork 1 fork_wait 1
            huge 2 huge_part 3 guard 3 seal 1 pages 2 dump 3
        """,
        "keys": """
            key_alloc 10 key_free 6 key_protect 30 protect 6 map 8 unmap 4 write 14 read 10 exec 4 lock 2 move 3
            flag_advice 2 fork 2 fork_wait 1 dump 2
        """,
        "pkeys": """
            pkey_alloc 5 pkey_free 3 pkey_protect 26 pkru 12 protect 8 map 10 shared 3 unmap 4 write 22 read 18 exec 6
            lock 2 move 4 flag_advice 2 drop 2 populate 1 guard 1 fork 2 fork_wait 1 grow 1 dump 3 pages 3
        """,
        "disk": """
            shared 16 private_file 8 map 2 unmap 4 protect 8 move 4 write 24 read 20 sync 6 lock 2 populate 3
            mincore 3 pages 8 flag_advice 2 fork 1 fork_wait 1
        """,
        "layout": """
            anywhere 30 unmap_result 12 protect_result 6 move_result 8 brk 8 hint 8 low 4 write_result 8
            dump 3 unusual_anywhere 6 grow 3 below 3 huge_hint 4
        """,
        "errors": """
            bad 40 map 12 shared 4 unmap 3 protect 4 move 3 lock 2 write 4 read 4 dump 2 seal_file 4
            resize 3 file_byte 3 unusual 14 hint 3 sync 3
        """,
        "limits": """
            limit 6 anywhere 16 map 12 unmap 6 protect 10 move 6 brk 6 write 8 dump 2
        """,
        "mixed": """
            map 14 shared 8 private_file 6 unmap 6 protect 10 move 6 flag_advice 6 lock 4 guard 5 remap
            5 drop 5 populate 3 write 12 read 10 exec 2 resize 2 file_byte 2 sync 1 mincore 2 pages 3
            fork 1 fork_wait 1 seal 1 dump 3 huge 2 huge_part 3 grow 2 below 3 punch 2 unusual 4
            anywhere 3 move_result 3 write_result 3 unmap_result 2
        """,
    }.items()
}
"""Subject: kind of step (a method of `generate.Generator`): weight."""

TOGETHER = "together"
"""The subject that takes the steps of several others."""
ALL = (*PROFILES, TOGETHER)
