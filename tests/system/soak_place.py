# SPDX-License-Identifier: BSD-3-Clause
"""What the stories of soak share: a folder, and soak run in it, with a document of its own."""

import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


class SoakPlace:
    def __init__(self, folder):
        self.folder, self.document = folder, f"{folder}/soak.md"
        self.environment = os.environ | {"HOLDFAST_BUILD": folder,
                                         "HOLDFAST_SOAK_DOCUMENT": self.document}

    def start(self, *words):
        return subprocess.Popen([f"{HERE}/soak", *words], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, env=self.environment)

    def soak(self, *words, status=0):
        process = self.start(*words)
        said = process.communicate(timeout=60)[0]
        assert process.returncode == status, said
        return said

    def written(self):
        if not os.path.exists(self.document):
            return ""
        with open(self.document, encoding="utf-8") as file:
            return file.read()


def row_of(text, *names):
    return next([cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()
                if line.startswith("| " + " | ".join(names) + " |"))
