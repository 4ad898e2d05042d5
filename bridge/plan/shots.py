# SPDX-License-Identifier: GPL-3.0-or-later
"""The shots between the cuts: what each one is, moves like and shows."""

from collections import Counter
from dataclasses import dataclass, replace

from blender_addon.core.rules import RESTS_S, beat_frames, shot_energy
from blender_addon.core.timing import frame_at
from blender_addon.core.types import CoverLook, EditPlan, Framing, SectionRole, Shot, ShotKind, SongAnalysis, Treatment
from bridge.plan.acts import assign_acts
from bridge.plan.cues import Cues
from bridge.plan.cuts import pace_of
from bridge.plan.framing import frame_shots
from bridge.plan.grid import BarGrid
from bridge.plan.motion import motions
from bridge.plan.prompts import action_of, seed_of, write_prompt
from bridge.plan.storyboard import BoardShot, Storyboard
from bridge.plan.treatments import Place, treat
from bridge.plan.why import LOUD, reasons


@dataclass(frozen=True)
class Draft:
    """All that the shots are made from."""

    analysis: SongAnalysis
    look: CoverLook
    board: Storyboard
    bars: BarGrid
    cues: Cues
    cuts: tuple[int, ...]
    """the downbeats' indices at which shots start and end"""
    plan: EditPlan
    """without its shots"""

    @property
    def count(self) -> int:
        return len(self.cuts) - 1

    def frame(self, downbeat: int) -> int:
        """The frame nearest to a downbeat, by its index."""
        return frame_at(self.bars.downbeats_s[downbeat] - self.bars.downbeats_s[0], self.plan.fps)

    def asked(self, shot: int) -> BoardShot:
        """What the storyboard says about a shot. If it has fewer, later shots go through its prompts again."""
        entries = self.board.shots
        if not entries:
            return BoardShot()
        return entries[shot] if shot < len(entries) else BoardShot(prompt=entries[shot % len(entries)].prompt)

    @property
    def hits(self) -> tuple[int, ...]:
        """The downbeats' indices of the drop and of the first chorus."""
        return tuple(index for index in (self.cues.drop, self.cues.hit) if index is not None)

    def role(self, shot: int) -> SectionRole:
        """The role of the section in which a shot's middle lies; a verse where there is none."""
        middle_s = (self.bars.downbeats_s[self.cuts[shot]] + self.bars.downbeats_s[self.cuts[shot + 1]]) / 2
        inside = (section.role for section in self.analysis.sections if section.start_s <= middle_s < section.end_s)
        return next(inside, SectionRole.VERSE)


def make_shots(draft: Draft) -> tuple[Shot, ...]:
    """The shots of the plan, in order."""
    shots = [_placed(draft, index, act) for index, act in enumerate(assign_acts(draft.bars, draft.cues, draft.cuts))]
    energies = [shot_energy(shot, draft.plan, draft.analysis) for shot in shots]
    moving = motions(energies)
    framings = _framings(draft, energies)
    actions = _actions(draft)
    filled = [
        _filled(draft, index, shot, framings[index], actions[index], moving[index]) for index, shot in enumerate(shots)
    ]
    treatments = _treatments(draft, shots, energies)
    return tuple(
        replace(shot, treatment=treatment, why=(*shot.why, why) if why else shot.why)
        for shot, (treatment, why) in zip(filled, treatments, strict=True)
    )


def _treatments(draft: Draft, shots: list[Shot], energies: list[float]) -> list[tuple[Treatment, str]]:
    pace = pace_of(draft.bars.levels)
    places = [
        Place(shot.kind, draft.role(index), pace.place(energy) > LOUD, draft.cuts[index] in draft.hits)
        for index, (shot, energy) in enumerate(zip(shots, energies, strict=True))
    ]
    return treat(places, draft.board.treatments, [draft.asked(index).treatment for index in range(draft.count)])


def _placed(draft: Draft, index: int, act: int) -> Shot:
    """A shot on its frames, with its role in the video and its hold."""
    start, end = draft.frame(draft.cuts[index]), draft.frame(draft.cuts[index + 1])
    kind = ShotKind.MOTION
    if index == draft.count - 1:
        kind = ShotKind.COVER_END
    elif index == 0:
        kind = ShotKind.HERO_HOLD
    shot = Shot(
        id=f"s{index + 1:02d}",
        start_frame=start,
        frame_count=end - start,
        act=act,
        kind=kind,
        framing=Framing.WIDE,
        hold_frames=0,
        prompt="",
        negative_prompt=draft.board.negative,
        seed=0,
        motion=1,
    )
    return replace(shot, hold_frames=min(_hold_frames(draft, index, shot), max(1, shot.frame_count // 2)))


def _hold_frames(draft: Draft, index: int, shot: Shot) -> int:
    """A beat for the hero and for the first chorus, about a bar for the cover."""
    if shot.kind is ShotKind.COVER_END:
        bar_s = draft.bars.span_s(draft.bars.bar_count - 1, draft.bars.bar_count)
        return round(min(max(bar_s, RESTS_S[0]), RESTS_S[1]) * draft.plan.fps)
    if shot.kind is ShotKind.HERO_HOLD or draft.cuts[index] == draft.cues.hit:
        return beat_frames(shot.start_frame, draft.plan, draft.analysis)
    return 0


def _framings(draft: Draft, energies: list[float]) -> tuple[Framing, ...]:
    pace = pace_of(draft.bars.levels)
    loudness = [pace.place(energy) for energy in energies]
    drop_shot = draft.cuts.index(draft.cues.drop) if draft.cues.drop in draft.cuts else None
    return frame_shots(loudness, drop_shot, [draft.asked(index).framing for index in range(draft.count)])


def _actions(draft: Draft) -> list[str]:
    """What happens in each shot: the storyboard's word, else the section's, taken in turn."""
    turns: Counter[SectionRole] = Counter()
    actions = []
    for index in range(draft.count):
        role = draft.role(index)
        actions.append(draft.asked(index).prompt or action_of(role, turns[role]))
        turns[role] += 1
    return actions


def _filled(draft: Draft, index: int, shot: Shot, framing: Framing, action: str, motion: int) -> Shot:
    asked = draft.asked(index)
    seed = seed_of(draft.look, draft.analysis.song_sha256, draft.board.seed, shot.id)
    return replace(
        shot,
        framing=framing,
        prompt=write_prompt(draft.board, draft.look, framing, action),
        seed=seed if asked.seed is None else asked.seed,
        motion=motion if asked.motion is None else asked.motion,
        why=reasons(
            draft.bars, draft.cues, draft.cuts, index, asked, len(draft.board.shots), draft.plan.excerpt.fades_out
        ),
    )
