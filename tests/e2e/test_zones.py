"""test_zones.py - compares time zones and schedules with Python's zoneinfo, which reads the same files:
local times, the starts of hours and days over ten years, and rotation while the clock is set back and
forth.  Zones and times are random; a failing test prints its seed."""

import bisect
import datetime
import os
import random
import subprocess
import unittest
import zoneinfo

from harness import BUILD, EXEC_PREFIX, SEED, SUFFIX, Case, environment, main, scaled

BOUNDARIES = EXEC_PREFIX + [os.path.join(BUILD, "tests", "boundaries" + SUFFIX)]
YEARS = EXEC_PREFIX + [os.path.join(BUILD, "tests", "years" + SUFFIX)]
FOLDER = next((folder for folder in zoneinfo.TZPATH if os.path.isfile(os.path.join(folder, "Europe/London"))), None)
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)
MINUTE, HOUR, DAY = 60, 3600, 86400
NAMED = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")


def ask(questions):
    """One answer for each question (a tuple of fields): numbers, or None if a file is refused."""
    lines = "".join("\t".join(map(str, fields)) + "\n" for fields in questions)
    done = subprocess.run(BOUNDARIES, input=lines.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), timeout=600)
    answers = done.stdout.decode().splitlines()
    assert done.returncode == 0 and len(answers) == len(questions), (done.returncode, done.stderr[-500:])
    return [None if answer == "refused" else [int(number) for number in answer.split()] for answer in answers]


def file_of(name):
    return os.path.join(FOLDER, name)


def zone_of(name):
    with open(file_of(name), "rb") as file:
        return zoneinfo.ZoneInfo.from_file(file)


def seconds(year, month=1, day=1):
    return int((datetime.datetime(year, month, day) - EPOCH).total_seconds())


# ---- the other reckoning: a label is what a clock shows, as seconds since 1970 if it were UTC's ----


def reading(zone, moment):
    shown = (EPOCH + datetime.timedelta(seconds=moment)).replace(tzinfo=UTC).astimezone(zone)
    return int((shown.replace(tzinfo=None) - EPOCH).total_seconds())


def moment_of(zone, label):
    """The first moment at which the clock shows this local time or has skipped it."""
    naive = EPOCH + datetime.timedelta(seconds=label)
    first, second = (label - int(naive.replace(tzinfo=zone, fold=fold).utcoffset().total_seconds()) for fold in (0, 1))
    if reading(zone, first) == label:
        return first
    while first - second > 1:  # the clock change is between them
        middle = (first + second) // 2
        if reading(zone, middle) >= label:
            first = middle
        else:
            second = middle
    return first


def times_of(schedule):
    """Times of a day, in seconds from its midnight."""
    if schedule == "hourly":
        return range(0, DAY, HOUR)
    if schedule == "daily":
        return [0]
    if schedule.startswith("every "):
        return range(0, DAY, int(schedule[6:-1]) * {"m": MINUTE, "h": HOUR}[schedule[-1]])
    return sorted({int(time[:2]) * HOUR + int(time[3:]) * MINUTE for time in schedule[3:].split(",")})


def moments_of(zone, schedule, after, until):
    """The moments when it is due, after the first and up to the second."""
    found = set()
    for midnight in range(after // DAY * DAY - 2 * DAY, until + 2 * DAY, DAY):
        found.update(moment_of(zone, midnight + time) for time in times_of(schedule))
    return sorted(moment for moment in found if after < moment <= until)


def clock_due(moments, looks):
    """Which checks of the clock find that a moment has become due since the last check: what rotation.h
    promises, computed from all moments instead of the next one."""

    def behind(look):
        return bisect.bisect_right(moments, look)

    next_due, seen, found = behind(looks[0]), looks[0], []
    for number, look in enumerate(looks[1:], 1):
        if behind(look) > next_due:
            found.append(number)
            next_due, seen = behind(look), look
        elif look < seen - DAY:
            next_due, seen = behind(look), look
        seen = max(seen, look)
    return found


@unittest.skipUnless(FOLDER, "no files of time zones are installed")
class Zones(Case):
    def setUp(self):
        super().setUp()
        self.chance = random.Random(SEED)
        self.names = sorted(zoneinfo.available_timezones() - {"localtime"})

    def schedule(self):
        return self.chance.choice(
            [
                "hourly",
                "daily",
                "every %dm" % self.chance.randrange(1, 1441),
                "every %dh" % self.chance.randrange(1, 25),
                "at " + ",".join("%02d:%02d" % (self.chance.randrange(24), self.chance.randrange(60)) for _ in range(self.chance.randrange(1, 5))),
            ]
        )

    def test_every_zone_of_the_system_is_read_and_shows_the_time_that_python_shows(self):
        questions, expected = [], []
        for name in self.names:
            zone = zone_of(name)
            moments = [self.chance.randrange(seconds(1970), seconds(2500)) for _ in range(20)]
            moments += [self.chance.randrange(seconds(1902), seconds(2040)) for _ in range(20)]
            questions.append(("offset", file_of(name), *moments))
            expected.append([reading(zone, moment) - moment for moment in moments])
        self.assertGreater(len(questions), 100)
        for question, answer, right in zip(questions, ask(questions), expected):
            self.assertEqual(answer, right, question)

    def test_files_that_count_leap_seconds_are_refused(self):
        if not os.path.isfile(file_of("right/Europe/London")):
            self.skipTest("there are none here")
        self.assertEqual(ask([("offset", file_of("right/Europe/London"), 0)]), [None])

    def test_ten_years_of_hours_and_days_across_daylight_saving_begin_when_python_says(self):
        after, until = seconds(2025, 1, 1), seconds(2035, 1, 1)
        for name in NAMED:
            for schedule in ("hourly", "daily"):
                expected = moments_of(zone_of(name), schedule, after, until)
                self.assertGreater(len(expected), 3650)
                (answer,) = ask([("next", file_of(name), schedule, after, len(expected))])
                self.assertEqual(answer, expected, (name, schedule))

    def test_any_schedule_is_due_in_any_zone_when_python_says(self):
        questions, expected = [], []
        for _ in range(scaled(400)):
            name, schedule = self.chance.choice(self.names), self.schedule()
            after = self.chance.randrange(seconds(1970), seconds(2450))
            moments = moments_of(zone_of(name), schedule, after, after + 5 * DAY)
            questions.append(("next", file_of(name), schedule, after, len(moments)))
            expected.append(moments)
        for question, answer, right in zip(questions, ask(questions), expected):
            self.assertEqual(answer, right, question)

    def test_around_every_change_of_the_named_zones_any_schedule_is_due_when_python_says(self):
        questions, expected = [], []
        for name in NAMED + ("America/St_Johns", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "Africa/Casablanca"):
            zone = zone_of(name)
            days = range(seconds(1995), seconds(2035), DAY)
            changes = [day for day in days if reading(zone, day) - day != reading(zone, day + DAY) - day - DAY]
            for change in self.chance.sample(changes, min(len(changes), scaled(12))):
                schedule, after = self.schedule(), change - self.chance.randrange(2 * DAY)
                moments = moments_of(zone, schedule, after, change + 2 * DAY)
                questions.append(("next", file_of(name), schedule, after, len(moments)))
                expected.append(moments)
        for question, answer, right in zip(questions, ask(questions), expected):
            self.assertEqual(answer, right, question)

    def looks(self, begin, count):
        """A clock that is checked about every minute and sometimes set."""
        looks, clock, was = [], begin, None
        for _ in range(count):
            looks.append(clock)
            clock += self.chance.choice([1, 59, 60, 60, 60])
            kind = self.chance.random()
            if kind < 0.01:
                clock += self.chance.choice([-1, 1]) * self.chance.choice([1, 5, 30, HOUR, 5 * HOUR])
            elif kind < 0.013:
                clock += self.chance.choice([-1, 1]) * self.chance.randrange(30 * DAY)
            elif kind < 0.015 and was is None:  # wrong by years, then correct again
                was, clock = clock, clock + self.chance.choice([-1, 1]) * self.chance.randrange(2 * 365 * DAY)
            elif kind < 0.1 and was is not None:
                was, clock = None, was
        return looks

    def test_a_clock_that_is_set_back_and_forth_has_it_due_as_promised(self):
        for name in NAMED:
            zone = zone_of(name)
            for schedule in ("hourly", "daily", "every 15m"):
                looks = self.looks(seconds(2026, self.chance.randrange(1, 13), 1), scaled(3000))
                moments = moments_of(zone, schedule, min(looks) - 2 * DAY, max(looks) + 2 * DAY)
                (answer,) = ask([("clock", file_of(name), schedule, *looks)])
                self.assertEqual(answer, clock_due(moments, looks), (name, schedule))


# ---- a stream, of which a clock ends segments ----


def segments_begun(moments, begin, script):
    """A digit for each line: 1 if it starts a segment.  While a segment is open the clock is checked all
    the time, and the segment ends when a moment is due.  Without an open segment nothing is checked."""
    wall, present = begin, False
    next_due, seen, begun = bisect.bisect_right(moments, begin), begin, []

    def look(until):
        nonlocal present, next_due, seen
        if not present:
            return
        due = bisect.bisect_right(moments, until) > next_due
        # The first check that finds it due: the moment itself, unless the clock was set past it.
        at = max(wall, moments[next_due]) if due else until
        if due or wall < seen - DAY:
            next_due, seen = bisect.bisect_right(moments, at if due else wall), at if due else wall
            if not due:  # everything starts again at `wall`
                look(until)
                return
        present = not due
        seen = max(seen, at)

    for kind, number in script:
        if kind == "s":
            wall += number
            continue
        look(wall + number)
        wall += number
        begun.append("0" if present else "1")
        if not present:  # opened now: earlier moments do not apply to it
            present = True
            if bisect.bisect_right(moments, wall) > next_due or wall < seen - DAY:
                next_due, seen = bisect.bisect_right(moments, wall), wall
            seen = max(seen, wall)
    return "".join(begun)


@unittest.skipUnless(FOLDER, "no files of time zones are installed")
class Years(Case):
    def setUp(self):
        super().setUp()
        self.chance = random.Random(SEED)

    def run_stream(self, name, schedule, begin, script):
        lines = "begin\t%s\t%s\t%d\t%d\n" % (file_of(name), schedule, SEED % 2**32, begin)
        lines += "".join("%s%d\n" % (kind, number) for kind, number in script) + "end\n"
        done = subprocess.run(YEARS, input=lines.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr[-500:])
        return done.stdout.decode().strip()

    def check(self, name, schedule, begin, script):
        walls, wall = [begin], begin
        for _, number in script:
            wall += number
            walls.append(wall)
        moments = moments_of(zone_of(name), schedule, min(walls) - 2 * DAY, max(walls) + 2 * DAY)
        expected = segments_begun(moments, begin, script)
        answer = self.run_stream(name, schedule, begin, script)
        self.assertEqual(len(answer), len(expected))
        for number, (got, right) in enumerate(zip(answer, expected)):
            self.assertEqual(got, right, (name, schedule, "line", number))
        return answer.count("1")

    def years(self, schedule, apart):
        begin = seconds(2025, 1, 1) + 17 * MINUTE
        until = begin + max(1, 10 * scaled(100) // 100) * 365 * DAY
        for name in NAMED:
            script, wall = [], begin
            while wall < until:
                passing = self.chance.randrange(61, 2 * apart)
                script.append(("+", passing))
                wall += passing
            self.assertGreater(self.check(name, schedule, begin, script), 300)

    def test_ten_years_of_days_end_segments_where_python_says_that_days_begin(self):
        self.years("daily", 5 * HOUR)

    def test_ten_years_of_hours_end_segments_where_python_says_that_hours_begin(self):
        self.years("hourly", 40 * MINUTE)

    def test_a_clock_that_is_set_back_and_forth_for_years_ends_segments_as_promised(self):
        for name in NAMED:
            for schedule in ("hourly", "daily"):
                begin = wall = seconds(2026, self.chance.randrange(1, 13), 1) + 17 * MINUTE
                script, small = [], 0
                for _ in range(scaled(3000)):
                    if self.chance.random() < 0.1:
                        # The delay until the clock is checked must not matter: choose a moment well away from any
                        # that may be due, and not about a day back, where the clock is accepted as newly set.
                        by = self.chance.choice([-1, 1]) * self.chance.choice([HOUR, 5 * HOUR, 3 * DAY, 400 * DAY])
                        if abs(by) < DAY:
                            by = -by if abs(small + by) > 10 * HOUR else by
                            small += by
                        to = (wall + by) // (30 * MINUTE) * 30 * MINUTE + self.chance.randrange(3 * MINUTE, 25 * MINUTE)
                        script.append(("s", to - wall))
                        wall = to
                    passing = self.chance.randrange(61, 50 * MINUTE)
                    script.append(("+", passing))
                    wall += passing
                self.assertGreater(self.check(name, schedule, begin, script), 10)


if __name__ == "__main__":
    main()
