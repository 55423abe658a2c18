# SPDX-License-Identifier: BSD-3-Clause
"""What a figure is worth nothing without: which programs, which machine, and who else was on it."""

import hashlib
import os
import platform
import resource
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def command(*words):
    done = subprocess.run(words, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def revision():
    """Of the sources; what soak and bench write themselves does not count as a change."""
    commit = command("git", "log", "-1", "--format=%h")
    changed = command("git", "status", "--porcelain", "-uno", "--", ":/",
                      ":(top,exclude)docs/soak.md", ":(top,exclude)docs/performance.md")
    return (commit or "not from a repository") + (" with changes" if changed else "")


def programs(folder, names=("holdfast", "holdfast-target")):
    """They, not the sources, are what is drilled or fuzzed."""
    sums = hashlib.sha256()
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            sums.update(file.read())
    return sums.hexdigest()


def first_value(path, key):
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith(key):
                return line.partition(":")[2].strip()
    return "?"


def surroundings(of_revision, others=None):
    parent = os.environ.get("TMPDIR") or "/var/tmp"
    file_system = command("findmnt", "-n", "-o", "FSTYPE", "-T", parent)
    gigabytes = int(first_value("/proc/meminfo", "MemTotal").split()[0]) / (1 << 20)
    return {
        "commit": of_revision,
        "kernel": platform.release(),
        "machine": f"{len(os.sched_getaffinity(0))} processors ({processor()}), "
                   f"{gigabytes:.0f} GB, {parent} on {file_system}",
        "others": others,
    }


def processor():
    name = first_value("/proc/cpuinfo", "model name")
    return name if name != "?" else platform.machine()


def busy_seconds():
    with open("/proc/stat", encoding="utf-8") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds():
    return sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
               for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def seconds_of(process):
    """Of one that still runs: the 14th and 15th field of proc(5)."""
    with open(f"/proc/{process}/stat", encoding="utf-8") as file:
        user, system = map(int, file.read().rpartition(")")[2].split()[11:13])
    return (user + system) / os.sysconf("SC_CLK_TCK")


class Load:
    """How much of the machine was taken by neither us, nor children that have ended, nor these
    processes: others, the kernel's own threads, the hypervisor."""

    def __init__(self, processes=()):
        self.processes = processes
        self.began = self.now()

    def now(self):
        own = own_seconds() + sum(map(seconds_of, self.processes))
        return time.monotonic(), busy_seconds(), own

    def of_others(self):
        elapsed, busy, own = (now - then for now, then in zip(self.now(), self.began))
        return max(0.0, (busy - own) / elapsed / os.cpu_count())
