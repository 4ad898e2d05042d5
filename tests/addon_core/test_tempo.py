from dataclasses import replace

from blender_addon.core import regrid, tempo
from blender_addon.core.types import Beat, Section, SectionRole
from tests.addon_scene import edit_world


def analysis(*bpms: float):
    """A section of 16 s in each tempo."""
    beats, sections, start_s = [], [], 0.0
    for number, bpm in enumerate(bpms):
        count = round(16 * bpm / 60)
        beats += [Beat(start_s + i * 60 / bpm, 1 + i // 4, 1 + i % 4, 0.9) for i in range(count)]
        sections.append(Section(start_s, start_s + 16, "ABCDE"[number], SectionRole.VERSE, 0.5))
        start_s += 16
    return replace(edit_world.analysis(), beats=tuple(beats), sections=regrid.with_figures(sections, beats))


def test_a_song_of_one_tempo_has_no_parts():
    assert tempo.of_sections(analysis(120, 120)) == []
    assert tempo.of_sections(analysis(120, 122)) == [], "it drifts"
    assert tempo.of_sections(replace(analysis(120), beats=())) == []


def test_each_part_has_its_tempo():
    parts = tempo.of_sections(analysis(90, 90, 140))
    assert [(name, round(bpm)) for name, bpm in parts] == [("verse A to verse B", 90), ("verse C", 140)]
