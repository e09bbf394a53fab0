"""Who is on duty when: a plan in instants, as a history gives it. # contract §5 Responsibility"""

from dataclasses import dataclass

from .when import HOUR, US

WARNED = 12 * HOUR
BY_DAY = ("same_day", "next_working_day")


@dataclass(frozen=True)
class Person:
    """`actor` is how they sign in, `channels` the ways to them, the first of them first."""

    id: str
    actor: str
    channels: tuple


@dataclass(frozen=True)
class Team:
    """`steps` are (role, channels that are told beside the person's own)."""

    id: str
    wards: tuple
    packs: tuple
    responses: tuple
    gateway: bool
    steps: tuple

    def serves(self, alarm, ward):
        return (self.gateway == (alarm.patient is None) and (not self.wards or ward in self.wards)
                and (not self.packs or any(alarm.rule.startswith(f"{pack}.") for pack in self.packs))
                and (not self.responses or alarm.response in self.responses))


@dataclass(frozen=True)
class Watch:
    """Somebody is on duty; `on_call` may be asleep."""

    team: str
    role: str
    person: str
    begin: int
    end: int
    on_call: bool

    def goes_on(self, now):
        return self.begin <= now < self.end


class Plan:
    """Everything a plan says, in microseconds."""

    def __init__(self, raw, begin):
        at = lambda seconds: begin + round(seconds * US)
        self.since, self.until = at(raw["from"]), at(raw["until"])
        self.people = [Person(p["id"], p.get("actor") or p["id"], tuple(p.get("channels") or ())) for p in raw["people"]]
        self.teams = [Team(t["id"], *(tuple(t.get(name) or ()) for name in ("wards", "packs", "responses")), bool(t.get("gateway")),
                           tuple((s["role"], tuple(s.get("channels") or ())) for s in t["steps"])) for t in raw["teams"]]
        self.watches = sorted((Watch(w["team"], w["role"], w["person"], at(w["from"]), at(w["until"]), bool(w.get("on_call")))
                               for w in raw["watches"]), key=lambda one: one.begin)
        self.hours = sorted((h["response"], at(h["from"]), at(h["until"])) for h in raw.get("hours") or ())

    def person_of(self, actor):
        """The id of whoever does what an actor does, else the actor."""
        return next((one.id for one in self.people if one.actor == actor), actor)

    def channels(self, person):
        return next((one.channels for one in self.people if one.id == person), ())

    def team_for(self, alarm, ward):
        """The first that serves it answers for it."""
        return next((team for team in self.teams if team.serves(alarm, ward)), None)

    def on_duty(self, team, role, now):
        """Of several who began last."""
        found = [one for one in self.watches if (one.team, one.role) == (team, role) and one.goes_on(now)]
        return found[-1] if found else None

    def off_at(self, person, now):
        """Until when somebody goes on being on duty, as whatever; None where they are not."""
        end = None
        for one in self.watches:
            if one.person == person and one.goes_on(now if end is None else end):
                end = one.end if end is None else max(end, one.end)
        return end

    def waits(self, watch, response, now):
        """None where somebody on duty may be called now, else when they may be. Only `immediate` wakes anybody. # Hours"""
        if response not in BY_DAY and not (response == "prompt" and watch.on_call):
            return None
        found = [one for one in self.hours if one[0] == response and one[2] > now]
        if not found:
            return self.until
        return None if found[0][1] <= now else found[0][1]

    def next_watch(self, team, now):
        return min((one.begin for one in self.watches if one.team == team.id and one.begin > now), default=None)

    def holes(self, now):
        """(team, role) -> when nobody is on duty next, and until when; also where the plan ends."""
        found = {}
        for team in self.teams:
            for role, _ in team.steps:
                covered = max(now, self.since)
                for one in self.watches:
                    if (one.team, one.role) == (team.id, role) and one.begin <= covered:
                        covered = max(covered, one.end)
                found[team.id, role] = min(covered, self.until)
        return found
