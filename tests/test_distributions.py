"""What is known of the distributions' kernels, row by row, against what the program makes of the same inputs.

data/distributions.csv holds what was read or measured: each row's kernel, compression, symbols and form of boot
entries, and whether it boots in PV and in PVH. The guest is made from those inputs only.
"""

import csv
import json
import os

import pytest

from pvhready.demo import menus, parts
from pvhready.demo.image import bzimage, elf_kernel

HERE = os.path.dirname(os.path.abspath(__file__))
UUID = "b3c1f6a0-77de-4b0f-8d0a-2f4f9f0f5c11"
SYMBOLS = ("XEN", "XEN_PV", "XEN_PVHVM", "XEN_PVH", "PVH")
WORDS = {"yes": "boots", "no": "fails"}

# Rows that the program answers otherwise than the table, and why. docs/distributions.md tells the same.
NO_FRONT_END = "the row does not record whether the block front end is there, and without that nothing boots for certain"
DIFFERENT = {
    "alpine-3.20-linux-lts": ({"pv": "unknown", "pvh": "unknown"}, NO_FRONT_END),
    "nixos-20.09-linux_default": ({"pv": "unknown"}, NO_FRONT_END),
    "nixos-21.05-linux_default": ({"pvh": "unknown"}, NO_FRONT_END),
}


def rows():
    with open(os.path.join(HERE, "data", "distributions.csv"), encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def name_of(row):
    return "-".join((row["distribution"], row["release"], row["flavour"])).replace(" ", "_")


def values_of(row):
    """The symbols of the row; what it does not record does not stand in the configuration."""
    recorded = {symbol: row[symbol] for symbol in SYMBOLS}
    recorded["XEN_BLKDEV_FRONTEND"] = row["front_end"]
    values = {symbol: value for symbol, value in recorded.items() if value in ("y", "m", "n")}
    values["ACPI"] = "y"  # every one of them has it, and a file without any known symbol is no configuration
    if row["architecture"] == "x86_64":
        values["X86_64"] = "y"
    return values


def image_path(row):
    if row["distribution"] == "nixos":
        return "/boot/kernels/0a1b2c3d4e5f6g7h8i9j0k1l2m3n4p5q-linux-{}-bzImage".format(row["kernel"])
    if row["distribution"] == "alpine":
        return "/boot/vmlinuz-" + row["kernel"].rsplit("-", 1)[1]
    return "/boot/vmlinuz-linux" if row["distribution"] == "arch" else "/boot/vmlinuz-" + row["kernel"]


def menu_of(row):
    if row["boot_entries"] == "extlinux":
        return {"/boot/extlinux.conf": menus.extlinux_menu("root=UUID={} console=hvc0".format(UUID))}
    if row["boot_entries"] == "bls":
        return {
            "/boot/grub2/grub.cfg": menus.bls_menu(UUID, "console=hvc0"),
            "/boot/loader/entries/0-{}.conf".format(row["kernel"]): menus.bls_entry(row["distribution"], row["release"], row["kernel"]),
        }
    path = "/boot/grub2/grub.cfg" if row["distribution"] in ("fedora", "centos", "sles", "amzn") else "/boot/grub/grub.cfg"
    menu = menus.debian_menu([row["kernel"]], UUID, "console=hvc0")
    return {path: menu.replace("/boot/vmlinuz-" + row["kernel"], image_path(row))}


def tree_of(row):
    bits = 64 if row["architecture"] == "x86_64" else 32
    values = values_of(row)
    has = {symbol for symbol in values if values[symbol] == "y"}
    # XEN_PVH selects PVH, and brings its note by itself before 5.0, which has no symbol PVH.
    vmlinux = elf_kernel(row["kernel"], bits, "XEN" in has, "XEN_PV" in has, bool(has & {"PVH", "XEN_PVH"}))
    tree = {
        image_path(row): bzimage(row["kernel"], row["compression"], bits, vmlinux),
        "/boot/config-" + row["kernel"]: parts.configuration(row["kernel"], dict(values, HAS_IOMEM="y")),  # as every whole one has it
        "/etc/os-release": parts.os_release(row["distribution"], row["distribution"], row["release"]),
        "/etc/fstab": parts.fstab(UUID),
    }
    tree.update(menu_of(row))
    return tree


@pytest.mark.parametrize("row", rows(), ids=name_of)
def test_a_kernel_is_judged_as_the_row_says(row, guest, pvhready):
    directory = guest.write(tree_of(row))
    output = pvhready("kernels", "--root", directory, "--format", "json")
    assert output.code == 0
    (kernel,) = [kernel for kernel in json.loads(output.out)["kernels"] if kernel["path"] == image_path(row)]
    expected = {"pv": WORDS[row["expected_pv"]], "pvh": WORDS[row["expected_pvh"]]}
    expected.update(DIFFERENT.get(name_of(row), ({}, ""))[0])
    assert kernel["modes"] == expected, kernel["reasons"]


@pytest.mark.parametrize("row", [row for row in rows() if row["expected_pvh"] == "no"], ids=name_of)
def test_no_guest_is_called_ready_whose_kernel_does_not_boot(row, guest, pvhready):
    report = pvhready.check(guest.write(tree_of(row)))
    assert report["verdict"] in ("not-ready", "unknown")


def test_every_difference_is_about_a_row():
    assert set(DIFFERENT) <= {name_of(row) for row in rows()}
