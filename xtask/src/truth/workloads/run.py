"""Runs a program with a witness: `run.py NOTES SECONDS note|timer PROGRAM [ARGUMENTS]`.

With `timer` its main thread is interrupted wherever it is, and the program is ended when the seconds are over;
with `note` it calls `witness.note()` itself, and ends itself. Runs on Python 2.7 and 3.
"""

import os
import runpy
import sys

import witness


def main():
    notes, seconds, mode, program = sys.argv[1:5]
    sys.argv = sys.argv[4:]
    witness.open_notes(notes, float(seconds))
    if mode == "timer":
        witness.start_timer()
    # As Python itself does it for a program.
    sys.path.insert(0, os.path.dirname(program))
    try:
        runpy.run_path(program, run_name="__main__")
    finally:
        # Python puts signals' own effects back before it ends.
        witness.stop_timer()
    if mode == "timer":
        sys.exit("the program ended before its time")


main()
