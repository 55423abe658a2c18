# SPDX-License-Identifier: BSD-3-Clause
"""Where a soak keeps what it did, so that one that was interrupted goes on."""

import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("HOLDFAST_BUILD", os.path.join(HERE, "../../build")))
DOCUMENT = os.environ.get("HOLDFAST_SOAK_DOCUMENT", os.path.join(HERE, "../../docs/soak.md"))
FOLDER = os.path.join(BUILD, "soak")


def die(words):
    print(f"soak: {words}", file=sys.stderr)
    sys.exit(2)


def write_down(section):
    with open(DOCUMENT, "a", encoding="utf-8") as file:
        file.write("\n" + section)
    print(f"soak: written to {os.path.relpath(DOCUMENT)}")


class Log:
    """What was done so far: the programs, then one drill or piece a line. A line cut short was
    never done. It outlives a machine that goes down at any instant."""

    def __init__(self, path, head):
        self.path = path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        lines = self.read()
        if lines and lines[0]["programs"] != head["programs"]:
            die(f"the programs are not those that {path} began with: rm it, to begin anew")
        self.head, self.chunks = (lines[0], lines[1:]) if lines else (head, [])
        self.append(f"{path}.new", "w", [self.head, *self.chunks])
        os.replace(f"{path}.new", path)

    def read(self):
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    @staticmethod
    def append(path, mode, lines):
        with open(path, mode, encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())

    def add(self, *chunks):
        self.append(self.path, "a", chunks)
        self.chunks.extend(chunks)

    def finish(self, section):
        write_down(section)
        os.rename(self.path, f"{self.path}-{time.strftime('%Y%m%d-%H%M%S')}")
