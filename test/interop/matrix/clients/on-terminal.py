"""Runs a program on a terminal of its own, as at a desk.

  on-terminal.py JSON program argument...

JSON: {"rows": 24, "columns": 80, "steps": [{"after": "text", "resize": [50, 132], "type": "text"}]}
A step is taken once its text has been shown after the step before it. Prints what
the terminal shows; its exit code is the program's.
"""

import fcntl
import json
import os
import pty
import struct
import sys
import termios


def resize(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def take(step, terminal):
    if "resize" in step:
        resize(terminal, *step["resize"])
    if "type" in step:
        os.write(terminal, step["type"].encode())


def main():
    plan = json.loads(sys.argv[1])
    child, terminal = pty.fork()
    if child == 0:
        resize(0, plan["rows"], plan["columns"])
        os.execvp(sys.argv[2], sys.argv[2:])
    shown, steps = b"", list(plan["steps"])
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # EIO: the program has closed its side
            break
        if not chunk:
            break
        os.write(1, chunk)
        shown += chunk
        while steps and steps[0]["after"].encode() in shown:
            shown = shown.split(steps[0]["after"].encode(), 1)[1]
            take(steps.pop(0), terminal)
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status) & 255)


main()
