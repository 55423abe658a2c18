#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""qemu_initramfs.py FOLDER BLOCKS: what a guest in QEMU boots, in FOLDER: `kernel`, Debian's for
clouds, fetched and unpacked (not installed), and `initramfs`: busybox, the modules of virtio disks,
mkfs.ext4, the program BLOCKS (qemu_blocks.c, static), and qemu-guest as its first process."""

import gzip
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = "linux-image-cloud-amd64"
MODULES = ("virtio_pci", "virtio_scsi", "virtio_blk", "sd_mod")


def run(*words, **keywords):
    return subprocess.run(words, check=True, stdin=subprocess.DEVNULL, **keywords)


def real_package():
    """The one that the name without a version stands for."""
    depends = run("apt-cache", "depends", PACKAGE, capture_output=True, text=True).stdout
    return re.search(r"Depends: (linux-image-\S+)", depends)[1]


def download(folder):
    with open(f"{folder}/apt.log", "wb") as log:
        run("apt-get", "download", "-q", real_package(), cwd=folder, stdout=log, stderr=log)


def fetch(folder):
    """The lists of a fresh container are empty, and those of an old one name versions that are
    gone."""
    print(f"qemu_initramfs: apt-get download of {PACKAGE}", flush=True)
    try:
        download(folder)
    except (subprocess.CalledProcessError, TypeError):
        run("apt-get", "update", "-q", stdout=subprocess.DEVNULL)
        download(folder)
    package = next(name for name in os.listdir(folder) if name.endswith(".deb"))
    shutil.rmtree(f"{folder}/unpacked", ignore_errors=True)
    run("dpkg", "-x", f"{folder}/{package}", f"{folder}/unpacking")
    os.remove(f"{folder}/{package}")
    os.rename(f"{folder}/unpacking", f"{folder}/unpacked")


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin")


def put(source, root, path):
    os.makedirs(os.path.dirname(f"{root}/{path}"), exist_ok=True)
    shutil.copy(source, f"{root}/{path}")


def put_program(name, root):
    """With its libraries, where the loader looks for them."""
    put(program(name), root, f"bin/{name}")
    for library in re.findall(r"/[^ )]*", run("ldd", program(name), capture_output=True,
                                             text=True).stdout):
        put(library, root, library)


def put_busybox(root):
    put(program("busybox"), root, "bin/busybox")
    for applet in run(program("busybox"), "--list", capture_output=True, text=True).stdout.split():
        if not os.path.lexists(f"{root}/bin/{applet}"):
            os.symlink("busybox", f"{root}/bin/{applet}")


def put_modules(modules, root):
    """A line of modules.dep: "path: dependency dependency..."."""
    version = os.path.basename(modules)
    run(program("depmod"), "-b", f"{modules}/../../..", version)
    with open(f"{modules}/modules.dep", encoding="utf-8") as file:
        lines = [line for line in file if re.match(rf".*/({'|'.join(MODULES)})\.ko", line)]
    for path in " ".join(lines).replace(":", " ").split():
        put(f"{modules}/{path}", root, f"lib/modules/{version}/{path}")
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        put(f"{modules}/{name}", root, f"lib/modules/{version}/{name}")
    run(program("depmod"), "-b", root, version)


def pack(root, path):
    names = run("find", ".", "-print0", cwd=root, capture_output=True).stdout
    archive = subprocess.run(["cpio", "--quiet", "--null", "-o", "-H", "newc", "-R", "0:0"], cwd=root,
                             input=names, check=True, capture_output=True).stdout
    with gzip.open(f"{path}.new", "wb", compresslevel=1) as file:
        file.write(archive)
    os.rename(f"{path}.new", path)


def build(folder, blocks):
    root, unpacked = f"{folder}/root", f"{folder}/unpacked"
    modules = f"{unpacked}/lib/modules/" + os.listdir(f"{unpacked}/lib/modules")[0]
    shutil.rmtree(root, ignore_errors=True)
    for name in ("bin", "dev", "proc", "sys", "tmp", "mnt", "etc", "run"):
        os.makedirs(f"{root}/{name}")
    put_program("mkfs.ext4", root)
    put(blocks, root, "bin/qemu-blocks")
    put_busybox(root)
    put_modules(modules, root)
    put(f"{HERE}/qemu-guest", root, "init")
    kernel = next(name for name in os.listdir(f"{unpacked}/boot") if name.startswith("vmlinuz"))
    shutil.copy(f"{unpacked}/boot/{kernel}", f"{folder}/kernel")
    pack(root, f"{folder}/initramfs")
    shutil.rmtree(root)


def is_current(folder, blocks):
    if not os.path.exists(f"{folder}/initramfs"):
        return False
    made = os.path.getmtime(f"{folder}/initramfs")
    sources = (blocks, f"{HERE}/qemu-guest", f"{HERE}/qemu_initramfs.py")
    return os.path.exists(f"{folder}/kernel") and all(os.path.getmtime(path) < made
                                                      for path in sources)


def make(folder, blocks):
    os.makedirs(folder, exist_ok=True)
    if is_current(folder, blocks):
        return
    if not os.path.isdir(f"{folder}/unpacked"):
        fetch(folder)
    build(folder, blocks)


if __name__ == "__main__":
    make(*sys.argv[1:])
