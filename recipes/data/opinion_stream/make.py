#!/usr/bin/env python3
"""Makes a stream of opinions whose bad hours are known: train.csv, test.csv (columns time, text, topic, mood) and
test.bursts.csv (topic, begin, end).

    make.py BANKING77 SST2 OUT [--seed N]

A message is a bank customer's message and a sentence about something else: its topic is a group of the message's
intents, its mood the label of the sentence. Both come from the training files for train.csv and from the test files
for test.csv. In test.csv 24 bursts lie, in each of which two hours' messages about one topic are nearly all against;
outside of them four of ten are. Equal seeds make equal files.
"""

import argparse
import csv
import datetime
import pathlib
import random

TOPICS = {  # the first whose words stand in the name of the intent
    "topup": ["top_up", "topping_up"],
    "transfer": ["transfer", "beneficiary", "receiving_money"],
    "cash": ["cash", "atm"],
    "payment": ["payment", "charged_twice", "Refund", "refund", "direct_debit", "extra_charge"],
    "exchange": ["exchange", "currenc"],
    "identity": ["identity", "passcode", "pin", "personal_details", "source_of_funds", "terminate", "age_limit"],
    "card": [""],
}
START = datetime.datetime(2024, 1, 1)
BURSTS, BURST_HOURS, HOURS = 24, 2, 24 * 30
AGAINST, AGAINST_IN_BURST = 0.4, 0.95  # share of messages that are against
PER_HOUR, PER_HOUR_IN_BURST = 12, 20  # messages of all topics, and more of the topic of a burst


def topic_of(intent):
    return next(topic for topic, words in TOPICS.items() if any(word in intent for word in words))


def read(banking, sst2):
    messages = {topic: [] for topic in TOPICS}
    with open(banking, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            messages[topic_of(row["category"])].append(" ".join(row["text"].split()))
    sentences = {"0": [], "1": []}
    for line in open(sst2, encoding="utf-8"):
        sentence, label = line.rstrip("\n").split("\t")
        sentences[label].append(sentence)
    return messages, sentences


def write(path, header, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def message(source, topic, against, draw):
    messages, sentences = source
    text = draw.choice(messages[topic]) + " " + draw.choice(sentences["0" if against else "1"])
    return [text, topic, "against" if against else "for"]


def stream(source, bursts, draw):
    rows = []
    for hour in range(HOURS):
        burst = next((topic for topic, begin in bursts if begin <= hour < begin + BURST_HOURS), None)
        topics = [draw.choice(list(TOPICS)) for _ in range(PER_HOUR)] + [burst] * (PER_HOUR_IN_BURST if burst else 0)
        moments = sorted(draw.randrange(3600) for _ in topics)
        draw.shuffle(topics)
        for topic, second in zip(topics, moments):
            against = draw.random() < (AGAINST_IN_BURST if topic == burst else AGAINST)
            time = START + datetime.timedelta(hours=hour, seconds=second)
            rows.append([time.isoformat()] + message(source, topic, against, draw))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("banking77", type=pathlib.Path, help="folder with train.csv and test.csv")
    parser.add_argument("sst2", type=pathlib.Path, help="folder with train.tsv and test.tsv")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    draw = random.Random(given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    header = ["time", "text", "topic", "mood"]
    train = read(given.banking77 / "train.csv", given.sst2 / "train.tsv")
    write(given.out / "train.csv", header, stream(train, [], draw))
    # Days begin without a burst, so that a topic's usual mood is known.
    hours = draw.sample(range(5 * 24, HOURS, 6), BURSTS)
    bursts = sorted(((draw.choice(list(TOPICS)), hour) for hour in hours), key=lambda burst: burst[1])
    test = read(given.banking77 / "test.csv", given.sst2 / "test.tsv")
    write(given.out / "test.csv", header, stream(test, bursts, draw))
    write(
        given.out / "test.bursts.csv",
        ["topic", "begin", "end"],
        [
            [topic] + [(START + datetime.timedelta(hours=hour + after)).isoformat() for after in (0, BURST_HOURS)]
            for topic, hour in bursts
        ],
    )


if __name__ == "__main__":
    main()
