"""Package files made by the real packers: dpkg-deb and rpmbuild."""

import hashlib
import os
import subprocess
from typing import List, Mapping, NamedTuple, Optional, Sequence, Union

from support import wanted


class Link(NamedTuple):
    """A symbolic link in a package."""

    target: str


Files = Mapping[str, Union[bytes, Link]]


def make_deb(
    folder: str, files: Files, name: str = "linux-image-1.0-test", version: str = "1.0-1", compression: str = "xz",
    options: Sequence[str] = (), md5sums: str = "", control: Optional[Mapping[str, str]] = None,
) -> str:
    """Return the path of a .deb that dpkg-deb makes of ``files`` (absolute paths).

    ``md5sums`` overrules the true ones; ``control`` are further control files, as conffiles or postinst.
    """
    program = wanted.tool("dpkg-deb", "dpkg")
    tree = os.path.join(folder, "tree-{}-{}".format(name, len(os.listdir(folder))))
    write_files(tree, files)
    os.makedirs(tree + "/DEBIAN")
    fields = "Package: {}\nVersion: {}\nArchitecture: amd64\nMaintainer: nobody <x@example.org>\nDescription: made for a test\n of it\n"
    with open(tree + "/DEBIAN/control", "w", encoding="utf-8") as handle:
        handle.write(fields.format(name, version))
    with open(tree + "/DEBIAN/md5sums", "w", encoding="utf-8", errors="surrogateescape") as handle:
        handle.write(md5sums or "".join(
            "{}  {}\n".format(hashlib.md5(content).hexdigest(), path[1:]) for path, content in files.items() if isinstance(content, bytes)))
    for extra, text in (control or {}).items():
        with open(os.path.join(tree, "DEBIAN", extra), "w", encoding="utf-8") as handle:
            handle.write(text)
        os.chmod(os.path.join(tree, "DEBIAN", extra), 0o755 if text.startswith("#!") else 0o644)
    path = os.path.join(folder, "{}_{}_amd64.deb".format(name, version.replace(":", "%3a")))
    command = [program, "--root-owner-group", "-Z" + compression] + list(options) + ["--build", tree, path]
    run(command)
    return path


def make_rpm(
    folder: str, files: Files, name: str = "kernel-core", version: str = "1.0", release: str = "1.test", payload: str = "w9.xzdio",
    ghosts: Sequence[str] = (), algorithm: int = 8,
) -> str:
    """Return the path of an .rpm that rpmbuild makes of ``files``; ``ghosts`` of them are named only, not shipped."""
    program = wanted.tool("rpmbuild", "rpm")
    top = os.path.join(folder, "rpm-{}".format(len(os.listdir(folder))))
    write_files(top + "/tree", files)
    lines = ["Name: " + name, "Version: " + version, "Release: " + release, "Summary: made for a test", "License: none",
             "%description", "made for a test", "%install", "mkdir -p %{buildroot}", "cp -a " + top + "/tree/. %{buildroot}/", "%files"]
    lines += [("%ghost " if path in ghosts else "") + path for path in files]
    with open(top + "/made.spec", "w", encoding="utf-8") as handle:
        handle.write("\n".join(lines) + "\n")
    run([
        program, "-bb", "--quiet", "--target", "x86_64", "-D", "_topdir " + top, "-D", "_binary_payload " + payload,
        "-D", "_binary_filedigest_algorithm {}".format(algorithm), "-D", "__os_install_post %{nil}", "-D", "_build_id_links none",
        "-D", "debug_package %{nil}", "-D", "_rpmdir " + folder, "-D", "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
        top + "/made.spec"])
    return os.path.join(folder, "{}-{}-{}.x86_64.rpm".format(name, version, release))


def write_files(tree: str, files: Files) -> None:
    """Write ``files`` below ``tree``, with mode 0644 (scripts: 0755) and in folders of 0755."""
    for path, content in files.items():
        target = tree + path
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        if isinstance(content, Link):
            os.symlink(content.target, target)
            continue
        with open(target, "wb") as handle:
            handle.write(content)
        os.chmod(target, 0o755 if content.startswith(b"#!") else 0o644)


def run(command: List[str], data: bytes = b"") -> bytes:
    """Return what a program prints. Fails the test when the program fails."""
    result = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert result.returncode == 0, result.stderr.decode("utf-8", "replace")
    return result.stdout
