"""Wrong usage of each command, and what the one line on standard error says of it: a table."""

BROKER = ["--broker", "kafka://127.0.0.1:1"]
WORKER = ["worker", *BROKER]
WRONG = {
    "an unknown command": (["replat"], "No such command 'replat'"),
    "an unknown flag": (["check", "--jso", "x.yaml"], "No such option"),
    "a missing flag": (["replay"], "Missing option '--input'"),
    "a missing file": (["check"], "Missing argument 'FILE...'"),
    "a schema that is not there": (["schema", "receipt"], "there is no schema 'receipt'"),
    "a time without an offset": (
        ["replay", "--program", ".", "--input", "-", "--output", "o", "--until", "2024-01-01"],
        "with an offset",
    ),
    "a size that is none": (["replay", "--program", ".", "--input", "-", "--output", "o", "--memory", "much"], "is not a size"),
    "no memory": (["replay", "--input", "-", "--output", "o", "--memory", "0"], "is not in the range 1MiB to 16384GiB"),
    "memory of an auditor that no machine has": (["audit", "--input", "-", "--memory", "999999GiB"], "is not in the range 1MiB"),
    "memory for less processes": (
        [*WORKER, "--memory", "3MiB", "--processes", "4"],
        "is for all 4 processes together: 1MiB each",
    ),
    "more processes than ports": (
        [*WORKER, "--metrics-port", "65534", "--processes", "3"],
        "65534 with --processes 3: each process has the next port, and they end at 65535",
    ),
    "a rate that is no number": (["produce", "purchases", *BROKER, "--rate", "nan"], "nan is not in the range x>0"),
    "a rate without an end": (["produce", "purchases", *BROKER, "--rate", "inf"], "inf is not in the range x>0"),
    "a wait that is no number": (["profile", "stop", "p1", *BROKER, "--wait", "nan"], "nan is not in the range 0<=x<=3600"),
    "a broker that is none": (["topics", "--broker", "nonsense"], "write kafka://HOST:PORT"),
    "a broker's port that is none": (["topics", "--broker", "kafka://127.0.0.1:99999"], "99999 is no port"),
    "a state of the auditor without a name": (["audit", "--input", "-", "--state", ""], "it is empty; name a folder"),
    "an output without a name": (["replay", "--program", ".", "--input", "-", "--output", ""], "it is empty; name a folder"),
    "a state without a name": (
        ["replay", "--program", ".", "--input", "-", "--output", "o", "--state", ""],
        "it is empty; name a folder",
    ),
    "program files without a name": (["validate", ""], "it is empty; name a file or folder"),
    "a check file without a name": (["check", ""], "it is empty; name a file"),
    "a lot without an id": (["ledger", "p1", "--output", "o", "--lot", ""], "it is empty; say a name"),
    "a program without a name": (["ledger", "p1", "--output", "o", "--program", ""], "it is empty; say a name"),
    "a picture without a name": (["demo", "--svg", ""], "it is empty; name a file"),
    "a picture that could not be kept": (
        ["demo", "--svg", "no/such/folder/x.svg"],
        "--svg no/such/folder/x.svg: cannot be written",
    ),
    "a certificate without a name": (["topics", *BROKER, "--tls-ca", ""], "it is empty; name a file"),
    "a profile without an id": (["profile", "release", "", "--broker", "kafka://127.0.0.1:1"], "profile_id is empty"),
    "a profile with too long an id": (["profile", "stop", "p" * 129, "--broker", "kafka://127.0.0.1:1"], "more than 128 bytes"),
    "a profile that is no text": (["profile", "release", "\udcff", "--broker", "kafka://127.0.0.1:1"], "is not UTF-8"),
    "a ledger of what is no text": (["ledger", "\udcff", "--output", "o"], "is not UTF-8"),
    "a group without a name": (["worker", "--broker", "kafka://127.0.0.1:1", "--app-id", ""], "it is empty; say a name"),
    "a worker without a name": (["worker", "--broker", "kafka://127.0.0.1:1", "--instance-id", " "], "it is empty; say a name"),
    "a folder to produce": (["produce", "purchases", *BROKER, "."], "pointstream: .: is a folder; name the files in it"),
    "a topic that is no input": (["produce", "ledger-entries", *BROKER], "'ledger-entries' is not one of"),
}
