"""Rules found by asking: from stored answers of other kernels, from the running one, and with a false answer."""

from __future__ import annotations

from dataclasses import replace

from remaptrace.abi.kinds import K_MMAP
from remaptrace.conformance.corpus import corpus
from remaptrace.engine.run.driver import replay, rules_read
from remaptrace.machine.load import load_kernel
from remaptrace.machine.machine import Machine
from remaptrace.machine.rules import RULES
from remaptrace.native.program import KNOWN, operation
from remaptrace.native.transport import Started
from remaptrace.probe.case import Case, alternatives, with_value
from remaptrace.probe.choose import choose
from remaptrace.probe.deciding import deciding_programs
from remaptrace.probe.evidence import weigh
from remaptrace.probe.probe import Probe, probe
from remaptrace.probe.search import Search
from remaptrace.probe.write import kernel_file, reason
from remaptrace.trace.scenario.read import read_scenario

from ..native.needs import needs_6_18, needs_compiler


def stored(kernel: str, names: str = "") -> list[Case]:
    return [Case(p.name, p.text) for p in corpus(kernel) if p.name.startswith(names)]


def test_a_replay_that_did_not_read_a_rule_is_the_same_with_any_value_of_it() -> None:
    trace = next(p for p in corpus("linux-6.18") if p.name == "guard-01").trace()
    machine = Machine.load()
    result, read = rules_read(trace, machine)
    assert RULES["guard_regions"].index in read
    for rule in RULES.values():
        if rule.index in read or rule.kind == "int":
            continue
        other = replay(trace, with_value(machine, alternatives(machine, rule.name)[0]))
        assert all((other.columns[c] == result.columns[c]).all() for c in result.columns), rule.name


def test_stored_answers_of_6_12_lead_from_6_18_to_the_values_of_6_12() -> None:
    cases = stored("linux-6.12")
    machine, changes = choose(cases, Machine.load(kernel="linux-6.18"))
    assert all(case.agrees(machine) for case in cases)
    shipped = load_kernel("linux-6.12").values
    news = {"guard_regions", "mremap_checks_first", "merge_faulted_into_unfaulted"}
    assert {c.rule: c.new for c in changes} == {rule: shipped[rule] for rule in news}
    verdicts = weigh(cases, machine, [*news, "sticky_guard_flag", "thp_align"])
    assert {v.rule for v in verdicts.values() if v.decided} == news
    assert all(said for rule in news for _, said in verdicts[rule].against.values())


def test_a_false_answer_is_explained_by_no_value() -> None:
    cases = stored("linux-6.18", "guard")
    text = next(p for p in corpus("linux-6.18") if p.name == "guard-01").text
    assert "error: EINVAL" in text
    cases[0] = Case("guard-01", text.replace("error: EINVAL", "error: ENOSPC", 1))
    machine, changes = choose(cases, Machine.load(kernel="linux-6.18"))
    assert changes == []
    assert [c.name for c in cases if not c.agrees(machine)] == ["guard-01"]
    assert "ENOSPC there" in cases[0].reach(machine).said


def test_each_deciding_program_is_about_a_rule_and_steps_that_the_runner_does() -> None:
    for program in deciding_programs():
        assert (program.name.rpartition("-")[0] or program.name) in RULES, program.name
        assert {operation(step) for step in program.steps} <= KNOWN


def test_a_search_finds_a_small_program_for_a_flipped_rule() -> None:
    machine = Machine.load()
    found = Search(machine, ["guard"]).search([("guard_regions", 0), ("mseal", 0)], rounds=2)
    program = found[("guard_regions", 0)]
    assert len(program.steps) <= 3
    assert "guard_install" in str(program.steps)
    assert ("mseal", 0) not in found  # no program of this subject seals


def test_every_open_rule_has_a_reason() -> None:
    machine = Machine.load()
    for name, verdict in weigh([], machine).items():
        assert not verdict.decided
        assert reason(verdict), name


@needs_compiler
@needs_6_18
def test_the_running_6_18_is_found_from_6_1_and_a_false_answer_is_said() -> None:
    liar = "cow_prepares_first"

    def falsify(asked: list) -> list:  # type: ignore[type-arg]
        number, one = next((n, a) for n, a in enumerate(asked) if a.program.name == liar)
        expects = [*one.run.expects[:-1], {"error": "ENOSPC"}]
        return [*asked[:number], replace(one, run=replace(one.run, expects=expects)), *asked[number + 1 :]]

    found: Probe = probe(Started(), "linux-6.1", arch="x86_64", rounds=0, search=0, falsify=falsify)
    shipped = load_kernel("linux-6.18").values
    decided = found.decided
    assert {n: found.machine.kernel.values[n] for n in decided} == {n: shipped[n] for n in decided}
    assert len([n for n in decided if RULES[n].kind != "int"]) >= 57
    assert [name for name, _ in found.unexplained] == [liar]
    text = "".join(kernel_file(found))
    assert f"#   {liar}: step 5, mmap" in text.partition("no value explains")[2]
    assert "map_droppable: yes  # (no in linux-6.1) not no: " in text
    named = """merge_prefers_left close_hook_blocks_merge pt_reclaim huge_zero_write_whole trim_needs_no_map_count
        mremap_early_map_count mremap_growth_merges madv_collapse""".split()
    if "disk" in found.where.facts:
        named += ["map_whole_folio", "thp_align_files", "thp_align_from_top", "write_notify"]
    assert set(named) <= set(decided)  # those that random programs do not reach
    assert "  vvar_mixed: no  # /proc/self/smaps, VmFlags of [vvar]" in text
    assert "#   rfp_" in text.partition("-- not decided")[2]


def test_a_kernel_file_of_stored_answers_reads_back(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from remaptrace.native.wire import Where

    cases = stored("linux-6.18", "guard")
    machine = Machine.load(kernel="linux-6.18")
    found = Probe(
        Where({"sysname": "Linux", "release": "6.18.44"}), "linux-6.18", machine, machine, {}, cases
    )
    found.verdicts = weigh(cases, machine, ["guard_regions", "mseal", "thp_align"])
    path = tmp_path / "mine.yaml"
    path.write_text("".join(kernel_file(found)))
    kernel = load_kernel(str(path))
    assert kernel.values == machine.kernel.values
    assert kernel.origins["guard_regions"] == str(path)
    assert kernel.origins["mseal"] != str(path)  # nothing here decides it: it stays a comment
    trace = read_scenario("name: x\nsteps:\n- mmap: {length: 4096, prot: r, flags: [private, anonymous]}\n")
    assert trace.columns["kind"][-1] == K_MMAP
