"""A newer release, made of this one: it has one more input topic, `surveys`, whose records adjust points, and a newer format of states.

    python -m tests.kafka.newer worker --broker kafka://127.0.0.1:9092 --state DIR …        any command of `pointstream`
    SAME_FORMAT=1 python -m tests.kafka.newer worker …                                      with the topic alone

What a real one would have in its source is put into the modules before anything reads them.
"""

import os
import sys

import msgspec

SURVEYS = "surveys"


def become_newer(*, formats: int) -> None:
    """`formats`: by so many the format of its states is newer."""
    from schemas import records, topics
    from tables import stored

    surveys = msgspec.structs.replace(topics.BY_NAME[topics.ADJUSTMENTS], name=SURVEYS)
    inputs = (*topics.INPUTS, SURVEYS)
    vars(topics).update(
        TOPICS=(*topics.TOPICS, surveys),
        INPUTS=inputs,
        CONSUMED=(*inputs, *topics.MESSAGES),
        BY_NAME=topics.BY_NAME | {SURVEYS: surveys},
    )
    decoders = vars(records)["_OTHERS"]
    decoders[SURVEYS] = decoders[topics.ADJUSTMENTS]
    if formats:
        wanted = stored.FORMAT + formats
        vars(stored).update(FORMAT=wanted, _PREFIX=bytes([wanted]), _READABLE=frozenset({wanted - 1, wanted}))


if __name__ == "__main__":
    become_newer(formats=0 if "SAME_FORMAT" in os.environ else 1)
    from streams.cli.main import run

    sys.exit(run(sys.argv[1:]))
