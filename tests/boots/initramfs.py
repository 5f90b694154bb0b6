"""Makes an initramfs of a busybox, one script and some kernel modules."""

import lzma
import os
import shutil
import subprocess
import tempfile
from typing import Sequence

from boots import kernels


def write(target: str, init: str, busybox: str, kernel: kernels.Kernel, modules: Sequence[str]) -> None:
    """Write a gzipped archive to ``target``. /modules lists the files of ``modules`` in the order of loading."""
    with tempfile.TemporaryDirectory() as top:
        os.makedirs(top + "/bin")
        shutil.copy(init, top + "/init")
        shutil.copy(busybox, top + "/bin/busybox")
        names = []
        for path in kernels.module_files(kernel, modules):
            name = path[path.index("/lib/modules/"):]
            name = name[:-len(".xz")] if name.endswith(".xz") else name
            os.makedirs(os.path.dirname(top + name), exist_ok=True)
            _unpack(path, top + name)
            names.append(name + "\n")
        with open(top + "/modules", "w") as handle:
            handle.writelines(names)
        with open(target, "wb") as output:
            archive = subprocess.Popen("find . | LC_ALL=C sort | cpio -o -H newc --quiet | gzip -1n", shell=True, cwd=top, stdout=output)
            assert archive.wait() == 0


def _unpack(source: str, target: str) -> None:
    if source.endswith(".xz"):
        with lzma.open(source) as packed, open(target, "wb") as handle:
            shutil.copyfileobj(packed, handle)
    else:
        shutil.copy(source, target)
