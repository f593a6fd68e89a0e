"""A recorder's release finds its preset."""

from __future__ import annotations

import pytest

from remaptrace.machine.versions.releases import preset_for


@pytest.mark.parametrize(
    ("release", "preset"),
    [
        ("linux-2.6.21-rfp", "linux-2.6.21-rfp"),
        ("6.18", "linux-6.18"),
        ("6.18.44-fc", "linux-6.18"),
        ("6.5.0-14-generic", "linux-6.5"),
        ("5.4.0", "linux-5.4.0"),
        ("2.6.21.7", "linux-2.6.21"),
        ("2.6.9-5.EL", "linux-2.6.20"),
        ("Linux 6.1", "linux-6.1"),
        ("99.1", "linux-7.2"),
        ("whatever", "whatever"),
    ],
)
def test_a_release_has_its_preset_or_is_derived_or_takes_the_newest_older_one(
    release: str, preset: str
) -> None:
    assert preset_for(release) == preset
