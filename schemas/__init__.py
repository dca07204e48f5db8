"""Schemas describe: records, the program file, time, money and points. No Faust, no clock, no decision about points."""
