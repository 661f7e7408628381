#!/usr/bin/env python3
"""Raises an alarm when the mood about a topic falls.

    heed predict models/opinions stream.csv --json > answers.jsonl
    alarms.py stream.csv answers.jsonl [--bursts stream.bursts.csv]

A message says how much it is against: the probability of that class. Of each topic the exponentially weighted mean of
the last messages is held against the mean and the spread of a long window before: an alarm is raised where it is
`--above` of its own standard deviations over the mean, and the next one only after it has fallen to half of that.
A line an alarm: time, topic, mean, usual mean. With --bursts precision and recall follow: an alarm is right where it
is raised in a burst of its topic, and a burst is found where one is.
"""

import argparse
import collections
import csv
import json
import math


def against(answer):
    return next(each["probability"] for each in answer["mood"]["top"] if each["class"] == "against")


class Topic:
    def __init__(self, given):
        self.given = given
        self.window = collections.deque(maxlen=given.window)
        self.recent = collections.deque(maxlen=given.lag)  # not yet in the window
        self.mean, self.is_armed = None, True

    def add(self, value):
        """The mean and the usual one where an alarm is to be raised."""
        alpha = self.given.alpha
        self.mean = value if self.mean is None else self.mean + alpha * (value - self.mean)
        found = None
        if len(self.window) >= self.given.least:
            usual = sum(self.window) / len(self.window)
            variance = sum((x - usual) ** 2 for x in self.window) / (len(self.window) - 1)
            deviation = math.sqrt(variance * alpha / (2 - alpha))  # of such a mean
            above = (self.mean - usual) / deviation if deviation > 0 else 0.0
            if self.is_armed and above > self.given.above:
                self.is_armed, found = False, (self.mean, usual)
            elif above < self.given.above / 2:
                self.is_armed = True
        if len(self.recent) == self.recent.maxlen:
            self.window.append(self.recent[0])
        self.recent.append(value)
        return found


def alarms(rows, answers, given):
    topics = collections.defaultdict(lambda: Topic(given))
    for row, answer in zip(rows, answers):
        topic = answer["topic"]["class"]
        found = topics[topic].add(against(answer))
        if found:
            yield row["time"], topic, *found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stream", help="CSV with a column time, in order")
    parser.add_argument("answers", help="what heed predict --json printed of it")
    parser.add_argument("--bursts", help="CSV of topic, begin, end")
    parser.add_argument("--alpha", type=float, default=0.07, help="weight of the newest message in the mean")
    parser.add_argument("--window", type=int, default=200, help="messages of the usual mood")
    parser.add_argument("--lag", type=int, default=50, help="newest messages that are not yet usual")
    parser.add_argument("--least", type=int, default=50, help="messages before the first alarm")
    parser.add_argument("--above", type=float, default=2.8, help="standard deviations of an alarm")
    given = parser.parse_args()
    with open(given.stream, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(given.answers, encoding="utf-8") as file:
        answers = [json.loads(line) for line in file]
    if len(rows) != len(answers):
        parser.error(f"{given.stream} has {len(rows)} messages, {given.answers} {len(answers)} answers")
    raised = list(alarms(rows, answers, given))
    for time, topic, mean, usual in raised:
        print(f"{time}\t{topic}\t{mean:.3f}\t{usual:.3f}")
    if not given.bursts:
        return
    with open(given.bursts, encoding="utf-8", newline="") as file:
        bursts = list(csv.DictReader(file))

    def is_in(alarm, burst):
        return alarm[1] == burst["topic"] and burst["begin"] <= alarm[0] < burst["end"]

    right = sum(any(is_in(alarm, burst) for burst in bursts) for alarm in raised)
    found = sum(any(is_in(alarm, burst) for alarm in raised) for burst in bursts)
    print(f"precision\t{right / max(1, len(raised)):.3f}\t{right} of {len(raised)} alarms")
    print(f"recall\t{found / len(bursts):.3f}\t{found} of {len(bursts)} bursts")


if __name__ == "__main__":
    main()
