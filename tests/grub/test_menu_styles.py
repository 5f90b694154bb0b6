"""Menus in the style of many distributions: each a small guest, with the entry that must boot next and what it loads."""

import os
from typing import NamedTuple, Tuple

import grub_emu
import pytest
import stand_ins

from pvhready.facts import Mount, Storage
from pvhready.host import profile
from pvhready.probes.menu import read_menu
from pvhready.root import Root

UUID = "2c61c0d5-7a2e-4e0f-8f0b-55b1a9f6e3d4"
BOOT = "77f0d3a1-0c56-4b7e-9d1f-3f2f6f1f9b08"
ONE = Storage(fstab=(Mount("/", "UUID=" + UUID, "ext4"),))
TWO = Storage(fstab=(Mount("/", "UUID=" + UUID, "xfs"), Mount("/boot", "UUID=" + BOOT, "ext4")))
SUBVOLUME = Storage(fstab=(Mount("/", "UUID=" + UUID, "btrfs"), Mount("/.snapshots", "UUID=" + UUID, "btrfs", "subvol=/@/.snapshots")))
PLATFORMS = ("xen_pvh", "xen-x86_64")


class Style(NamedTuple):
    """A guest's files, and what boots: title, kernel, initramfs, command line."""

    host: str
    config: str
    text: str
    title: str
    kernel: str
    initrd: Tuple[str, ...]
    cmdline: str
    storage: Storage = ONE
    files: Tuple[Tuple[str, str], ...] = ()


def grubenv(*lines):
    text = "# GRUB Environment Block\n" + "".join(line + "\n" for line in lines)
    return text + "#" * (1024 - len(text))


def search(uuid=UUID, kind="ext2"):
    return """insmod part_msdos
insmod {1}
set root='hd0,msdos1'
if [ x$feature_platform_search_hint = xy ]; then
  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,msdos1 --hint-efi=hd0,msdos1 --hint-baremetal=ahci0,msdos1  {0}
else
  search --no-floppy --fs-uuid --set=root {0}
fi
""".format(uuid, kind)


HEAD = """if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="@DEFAULT@"
fi
if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
export menuentry_id_option
function savedefault {
  if [ -z "${boot_once}" ]; then
    saved_entry="${chosen}"
    save_env saved_entry
  fi
}
function load_video {
  if [ x$feature_all_video_module = xy ]; then insmod all_video; else insmod efi_gop; insmod vga; fi
}
if [ x$feature_timeout_style = xy ] ; then
  set timeout_style=menu
  set timeout=5
else
  set timeout=5
fi
"""


def head(default="0"):
    return HEAD.replace("@DEFAULT@", default)


def entry(title, name, lines, submenu=""):
    text = "menuentry '{}' --class gnu-linux --class os $menuentry_id_option '{}' {{\n{}}}\n".format(title, name, lines)
    return "submenu '{}' $menuentry_id_option 'advanced' {{\n{}}}\n".format(submenu, text) if submenu else text


# Ubuntu: 18.04 and 20.04 (recordfail, graphics mode), 22.04 and 24.04 (a hidden menu, firmware entry), cloud images

UBUNTU = """function recordfail {
  set recordfail=1
  if [ -n "${have_grubenv}" ]; then if [ -z "${boot_once}" ]; then save_env recordfail; fi; fi
}
insmod gzio
if [ "${recordfail}" = 1 ] ; then
  set timeout=30
else
  if [ x$feature_timeout_style = xy ] ; then
    set timeout_style=hidden
    set timeout=0
  elif sleep --interruptible 0 ; then
    set timeout=0
  fi
fi
set menu_color_normal=white/black
function gfxmode {
  set gfxpayload="${1}"
  if [ "${1}" = "keep" ]; then set vt_handoff=vt.handoff=@HANDOFF@; else set vt_handoff=; fi
}
if [ "${recordfail}" != 1 ]; then
  if [ -e ${prefix}/gfxblacklist.txt ]; then
    if [ ${grub_platform} != pc ]; then
      set linux_gfx_mode=keep
    elif hwmatch ${prefix}/gfxblacklist.txt 3; then
      if [ ${match} = 0 ]; then set linux_gfx_mode=keep; else set linux_gfx_mode=text; fi
    else
      set linux_gfx_mode=text
    fi
  else
    set linux_gfx_mode=keep
  fi
else
  set linux_gfx_mode=text
fi
export linux_gfx_mode
"""
FIRMWARE = """if [ "$grub_platform" = "efi" ]; then
	fwsetup --is-supported
	if [ "$?" = 0 ]; then
		menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' { fwsetup; }
	fi
fi
"""


def ubuntu(release, handoff, more="", quiet="quiet splash"):
    lines = "recordfail\nload_video\ngfxmode $linux_gfx_mode\ninsmod gzio\n"
    lines += "if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi\n" + search()
    lines += "linux /boot/vmlinuz-{0} root=UUID={1} ro  {2} $vt_handoff\ninitrd /boot/initrd.img-{0}\n".format(release, UUID, quiet)
    text = head() + UBUNTU.replace("@HANDOFF@", handoff) + entry("Ubuntu", "gnulinux-simple-" + UUID, lines)
    text += entry("Ubuntu, with Linux " + release, "gnulinux-" + release, lines, "Advanced options for Ubuntu") + more
    cmdline = "root=UUID={} ro {} vt.handoff={}".format(UUID, quiet, handoff)
    return Style(
        "debian-12", "/boot/grub/grub.cfg", text, "Ubuntu", "/boot/vmlinuz-" + release, ("/boot/initrd.img-" + release,), cmdline)


# Cloud images with GRUB_FORCE_PARTUUID try without an initramfs first, and remember a failure in grubenv.
CLOUD = """if [ "${initrdfail}" = 2 ]; then
   set initrdfail=
elif [ "${initrdfail}" = 1 ]; then
   set next_entry="${prev_entry}"
   set prev_entry=
   save_env prev_entry
   if [ "${next_entry}" ]; then set initrdfail=2; fi
fi
function initrdfail {
  if [ -n "${have_grubenv}" ]; then if [ -n "${partuuid}" ]; then
    if [ -z "${initrdfail}" ]; then
      set initrdfail=1
      if [ -n "${boot_once}" ]; then set prev_entry="${default}"; save_env prev_entry; fi
    fi
    save_env initrdfail
  fi; fi
}
set partuuid=8a1f62b0-01
""" + entry("Ubuntu", "simple", search() + """if [ "${initrdfail}" = 1 ]; then
  echo 'The boot without an initramfs failed.'
  linux /boot/vmlinuz-5.15.0-91-generic root=PARTUUID=8a1f62b0-01 ro console=hvc0
  initrd /boot/initrd.img-5.15.0-91-generic
else
  linux /boot/vmlinuz-5.15.0-91-generic root=PARTUUID=8a1f62b0-01 ro console=hvc0 panic=-1
fi
initrdfail
""")
WITHOUT_INITRD = Style(
    "debian-12", "/boot/grub/grub.cfg", head() + CLOUD, "Ubuntu", "/boot/vmlinuz-5.15.0-91-generic", (),
    "root=PARTUUID=8a1f62b0-01 ro console=hvc0 panic=-1", files=(("/boot/initrd.img-5.15.0-91-generic", "i"),))

# Fedora and its relations

FEDORA_HEAD = """set pager=1
if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="${saved_entry}"
fi
if [ x"${feature_menuentry_id}" = xy ]; then menuentry_id_option="--id"; else menuentry_id_option=""; fi
export menuentry_id_option
function load_video { insmod all_video; }
terminal_output console
set timeout=5
if [ -f ${config_directory}/user.cfg ]; then
  source ${config_directory}/user.cfg
  if [ -n "${GRUB2_PASSWORD}" ]; then
    set superusers="root"
    export superusers
    password_pbkdf2 root ${GRUB2_PASSWORD}
  fi
fi
insmod increment
if [ -n "${boot_counter}" -a "${boot_success}" = "0" ]; then
  if [ "${boot_counter}" = "0" -o "${boot_counter}" = "-1" ]; then
    set default=1
    set boot_counter=-1
  else
    decrement boot_counter
  fi
  save_env boot_counter
fi
"""
AUTO_HIDE = """if [ "${boot_success}" = "1" -o "${boot_indeterminate}" = "1" ]; then set menu_hide_ok=1; else set menu_hide_ok=0; fi
if [ "${boot_success}" = "1" ] ; then set boot_indeterminate=0; else increment boot_indeterminate; fi
set boot_success=0
save_env boot_success boot_indeterminate
if [ x$feature_timeout_style = xy ] ; then
  if [ "${menu_show_once}" ]; then
    unset menu_show_once
    save_env menu_show_once
    set timeout_style=menu
    set timeout=60
  elif [ "${menu_auto_hide}" -a "${menu_hide_ok}" = "1" ]; then
    set orig_timeout_style=${timeout_style}
    set orig_timeout=${timeout}
    if [ "${fastboot}" = "1" ]; then set timeout_style=menu; set timeout=0; else set timeout_style=hidden; set timeout=1; fi
  fi
fi
"""
F31 = ("5.3.7-301.fc31.x86_64", "5.3.6-300.fc31.x86_64")


def fedora_entries(releases, name, linux="linux", initrd="initrd", options="ro rhgb quiet"):
    """Entries as anaconda leaves them on Xen, where it switches the boot loader specification off."""
    return "".join(entry("{} ({}) 31".format(name, release), "gnulinux-" + release, "load_video\nset gfxpayload=keep\n" + search(
        BOOT) + "{0} /vmlinuz-{1} root=UUID={2} {3}\n{4} /initramfs-{1}.img\n".format(linux, release, UUID, options, initrd)).replace(
        "--class os", "--class os --unrestricted") for release in releases)


def fedora(env, title, index, host="bitfolk"):
    return Style(
        host, "/boot/grub2/grub.cfg", FEDORA_HEAD + fedora_entries(F31, "Fedora") + AUTO_HIDE, title, "/boot/vmlinuz-" + F31[index],
        ("/boot/initramfs-{}.img".format(F31[index]),), "root=UUID={} ro rhgb quiet".format(UUID), TWO,
        (("/boot/grub2/grubenv", grubenv(*env)), ("/boot/grub2/user.cfg", "GRUB2_PASSWORD=grub.pbkdf2.sha512.10000.AB.CD\n")))


def bls(host, options, env, releases, first, cmdline, more=""):
    files = [("/boot/grub2/grubenv", grubenv(*env))]
    for release in releases:
        files.append(("/boot/loader/entries/3f8a-{}.conf".format(release), (
            "title Linux ({0})\nversion {0}\nlinux /vmlinuz-{0}\ninitrd /initramfs-{0}.img $tuned_initrd\n{1}\n"
            "grub_users $grub_users\ngrub_arg --unrestricted\ngrub_class kernel\n").format(release, options)))
        files += [("/boot/vmlinuz-" + release, "k"), ("/boot/initramfs-{}.img".format(release), "i")]
    boot = search(BOOT).replace("set=root", "set=boot").replace("set root=", "set boot=")
    text = FEDORA_HEAD + more + search(BOOT) + boot + "insmod blscfg\nblscfg\n" + AUTO_HIDE
    release = releases[first]
    return Style(
        host, "/boot/grub2/grub.cfg", text, "Linux ({})".format(release), "/boot/vmlinuz-" + release,
        ("/boot/initramfs-{}.img".format(release),), cmdline, TWO, tuple(files))


KERNELOPTS = """if [ -z "${kernelopts}" ]; then
  set kernelopts="root=/dev/mapper/cs-root ro "
fi
"""
EL8 = ("4.18.0-553.el8.x86_64", "4.18.0-80.el8.x86_64", "0-rescue")
F43 = ("6.17.1-300.fc43.x86_64", "6.17.0-63.fc43.x86_64")

# openSUSE with snapshots: the entries of a snapshot open the menu that lies in it

SUSE_ENTRY = "load_video\nset gfxpayload=keep\ninsmod gzio\n" + search(kind="btrfs") + (
    "linux /boot/vmlinuz-6.4.0-150600.21-default root=UUID={} ${{extra_cmdline}} splash=silent mitigations=auto quiet\n"
    "initrd /boot/initrd-6.4.0-150600.21-default\n").format(UUID)
SUSE = 'set btrfs_relative_path="y"\nexport btrfs_relative_path\n' + head() + entry(
    "openSUSE Leap 15.6", "simple", SUSE_ENTRY) + """if [ -n "$extra_cmdline" ]; then
  submenu "Bootable snapshot #$snapshot_num" {
    menuentry "If OK, run 'snapper rollback $snapshot_num' and reboot." { true; }
  }
fi
if [ -z "$extra_cmdline" ]; then
  submenu "Start bootloader from a read-only snapshot" {
    if [ -f "/.snapshots/grub-snapshot.cfg" ]; then
      source "/.snapshots/grub-snapshot.cfg"
    fi
    if [ x$snapshot_found != xtrue ]; then
      submenu "Not Found" { true; }
    fi
  }
fi
"""
SNAPSHOTS = """if [ -f "/.snapshots/3/snapshot/boot/grub2/grub.cfg" ]; then
  snapshot_found=true
  menuentry "*openSUSE Leap 15.6 (6.4.0,2024-06-01T10:00,pre,zypp)" "/.snapshots/3/snapshot" "2024" {
    extra_cmdline="rootflags=subvol=@/.snapshots/3/snapshot systemd.volatile=state"
    export extra_cmdline
    snapshot_num=3
    export snapshot_num
    configfile "$2/boot/grub2/grub.cfg"
  }
fi
"""

# Others

NIXOS = """# Automatically generated.  DO NOT EDIT THIS FILE!
search --set=drive1 --fs-uuid {0}
search --set=drive2 --fs-uuid {1}
if [ -s $prefix/grubenv ]; then
  load_env
fi
set saved_entry_set=
if [ "${{next_entry}}" ]; then
  set default="${{next_entry}}"
  set next_entry=
  save_env next_entry
  set timeout=1
  set boot_once=true
else
  set default=0
  set timeout=5
fi
function savedefault {{
    if [ -z "${{boot_once}}"]; then
        saved_entry="${{chosen}}"
        save_env saved_entry
    fi
}}
if [ "$grub_platform" = "efi" ]; then
  insmod efi_gop
else
  insmod vbe
fi
insmod font
if loadfont ($drive1)//converted-font.pf2; then
  insmod gfxterm
  set gfxmode=auto
  terminal_output gfxterm
fi
menuentry "NixOS - Default" --class nixos --unrestricted {{
search --set=drive1 --fs-uuid {0}
  linux ($drive1)//kernels/x1-linux-6.6.35-bzImage init=/nix/store/a-nixos-system/init console=hvc0 loglevel=4
  initrd ($drive1)//kernels/y2-initrd-linux-6.6.35-initrd
}}
submenu "NixOS - All configurations" --class submenu {{
menuentry "NixOS - Configuration 7 (2024-06-20 - 24.05)" --class nixos {{
search --set=drive1 --fs-uuid {0}
  linux ($drive1)//kernels/x0-linux-6.6.30-bzImage init=/nix/store/b-nixos-system/init console=hvc0 loglevel=4
  initrd ($drive1)//kernels/y0-initrd
}}
}}
""".format(BOOT, UUID)
GENTOO = head() + entry("Gentoo GNU/Linux", "simple", "load_video\n" + search() + (
    "linux /boot/kernel-genkernel-x86_64-5.10.61-gentoo root=/dev/xvda1 ro dolvm\n"
    "initrd /boot/early_ucode.cpio /boot/initramfs-genkernel-x86_64-5.10.61-gentoo\n"))
ARCH = head() + "".join(entry("Arch Linux" + more, "id" + suffix, "load_video\nset gfxpayload=keep\n" + search() + (
    "linux /boot/vmlinuz-linux root=UUID={} rw  loglevel=3\n"
    "initrd /boot/intel-ucode.img /boot/initramfs-linux{}.img\n").format(UUID, suffix))
    for more, suffix in (("", ""), (", fallback initramfs", "-fallback")))
ALPINE = head() + entry("Alpine Linux v3.20, with Linux virt", "simple", search() + (
    "echo 'Loading Linux virt ...'\nlinux /boot/vmlinuz-virt root=UUID={} ro modules=sd-mod,usb-storage,ext4 rootfstype=ext4\n"
    "initrd /boot/initramfs-virt\n").format(UUID))
AMAZON = head().replace("timeout=5", "timeout=0") + entry(
    "Amazon Linux (4.14.336-253.554.amzn2.x86_64) 2", "simple", "load_video\nset gfxpayload=keep\ninsmod gzio\ninsmod xfs\n" + search() + (
        "linux /boot/vmlinuz-4.14.336-253.554.amzn2.x86_64 root=UUID={} ro console=tty0 console=ttyS0,115200n8 net.ifnames=0 "
        "rd.shell=0 rd.emergency=poweroff\ninitrd /boot/initramfs-4.14.336-253.554.amzn2.x86_64.img\n").format(UUID))
PHOTON = """set default=0
set timeout=5
set gfxpayload=keep
search -n -u {0} -s
set rootpartition=/dev/xvda1
load_env -f /boot/photon.cfg
if [ -f  /boot/systemd.cfg ]; then
  load_env -f /boot/systemd.cfg
else
  set systemd_cmdline=net.ifnames=0
fi
menuentry "Photon" {{
  linux /boot/$photon_linux root=$rootpartition $photon_cmdline $systemd_cmdline
  if [ -f /boot/$photon_initrd ]; then
    initrd /boot/$photon_initrd
  fi
}}
""".format(UUID)
IGNITION = """set pager=1
search --label boot --set boot
set root=$boot
if [ -f ${config_directory}/grubenv ]; then load_env -f ${config_directory}/grubenv; fi
set default="${saved_entry}"
set timeout=1
set ignition_firstboot=""
if [ -f "/ignition.firstboot" ]; then
    set ignition_network_kcmdline=''
    source "/ignition.firstboot"
    set ignition_firstboot="ignition.firstboot ${ignition_network_kcmdline}"
fi
blscfg
"""
IGNITION_ENTRY = """title Fedora CoreOS 40 (ostree:0)
version 1
options $ignition_firstboot ignition.platform.id=qemu console=hvc0 ostree=/ostree/boot.1/fcos/abc/0 root=UUID={}
linux /ostree/fcos-abc/vmlinuz-6.8.5-301.fc40.x86_64
initrd /ostree/fcos-abc/initramfs-6.8.5-301.fc40.x86_64.img
""".format(UUID)
ORACLE = "Oracle Linux Server, with Unbreakable Enterprise Kernel"
GRUB, GRUB2 = "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"

STYLES = {
    "Ubuntu 18.04": ubuntu("4.15.0-213-generic", "1"),
    "Ubuntu 20.04": ubuntu("5.4.0-216-generic", "7"),
    "Ubuntu 22.04": ubuntu("5.15.0-151-generic", "7", FIRMWARE, "console=hvc0"),
    "Ubuntu 24.04": ubuntu("6.8.0-60-generic", "7", FIRMWARE, "console=hvc0"),
    "Linux Mint 21": ubuntu("5.15.0-91-generic", "7", FIRMWARE),
    "an Ubuntu cloud image": WITHOUT_INITRD,
    "an Ubuntu cloud image after a failure": WITHOUT_INITRD._replace(
        host="upstream-2.06", initrd=("/boot/initrd.img-5.15.0-91-generic",), cmdline="root=PARTUUID=8a1f62b0-01 ro console=hvc0",
        files=WITHOUT_INITRD.files + (("/boot/grub/grubenv", grubenv("initrdfail=1")),)),
    "Fedora 31 on Xen": fedora(["saved_entry=gnulinux-" + F31[1], "boot_success=1"], "Fedora ({}) 31".format(F31[1]), 1),
    "Fedora 31, saved by its title": fedora(["saved_entry=Fedora ({}) 31".format(F31[1])], "Fedora ({}) 31".format(F31[1]), 1),
    "Fedora 31, whose saved entry is gone": fedora(["saved_entry=gnulinux-5.3.5"], "Fedora ({}) 31".format(F31[0]), 0),
    "Fedora 31 after failed boots": fedora(["saved_entry=0", "boot_counter=0", "boot_success=0"], "Fedora ({}) 31".format(F31[1]), 1),
    "Fedora 31 with a counter": fedora(["saved_entry=0", "boot_counter=2", "boot_success=0"], "Fedora ({}) 31".format(F31[0]), 0),
    "Fedora 43": bls("fedora-41", "options root=UUID={} ro console=hvc0".format(UUID), ["saved_entry=3f8a-" + F43[1]], F43, 1,
                     "root=UUID={} ro console=hvc0".format(UUID)),
    "Fedora 43, next_entry": bls("fedora-41", "options root=UUID={} ro".format(UUID), ["saved_entry=3f8a-" + F43[1], "next_entry=0"], F43,
                                 0, "root=UUID={} ro".format(UUID)),
    "EL 8": bls("fedora-41", "options $kernelopts $tuned_params", ["saved_entry=3f8a-" + EL8[0], "kernelopts=root=/dev/mapper/cs-root ro "
                "console=hvc0", "boot_success=0"], EL8, 0, "root=/dev/mapper/cs-root ro console=hvc0", KERNELOPTS),
    "EL 8 without kernelopts": bls("fedora-41", "options $kernelopts $tuned_params", ["tuned_params=skew_tick=1"], EL8, 0,
                                   "root=/dev/mapper/cs-root ro skew_tick=1", KERNELOPTS),
    "EL 9": bls("fedora-41", "options root=/dev/mapper/cs-root ro $tuned_params", ["saved_entry=3f8a-" + EL8[1]], EL8, 1,
                "root=/dev/mapper/cs-root ro"),
    "CentOS 7": fedora(["saved_entry=0"], "", 0)._replace(
        host="bitfolk+linux16+initrd16", text=FEDORA_HEAD + fedora_entries(F31, "CentOS Linux", "linux16", "initrd16"),
        title="CentOS Linux ({}) 31".format(F31[0])),
    "Oracle Linux 7": fedora(["saved_entry={} ({}) 31".format(ORACLE, F31[1])], "{} ({}) 31".format(ORACLE, F31[1]), 1)._replace(
        text=FEDORA_HEAD + fedora_entries(F31, ORACLE)),
    "openSUSE with snapshots": Style(
        "bitfolk", GRUB2, SUSE, "openSUSE Leap 15.6", "/boot/vmlinuz-6.4.0-150600.21-default", ("/boot/initrd-6.4.0-150600.21-default",),
        "root=UUID={} splash=silent mitigations=auto quiet".format(UUID), SUBVOLUME,
        (("/.snapshots/grub-snapshot.cfg", SNAPSHOTS), ("/.snapshots/3/snapshot/boot/grub2/grub.cfg", SUSE))),
    "NixOS with a /boot of its own": Style(
        "debian-12", GRUB, NIXOS, "NixOS - Default", "/boot/kernels/x1-linux-6.6.35-bzImage",
        ("/boot/kernels/y2-initrd-linux-6.6.35-initrd",),
        "init=/nix/store/a-nixos-system/init console=hvc0 loglevel=4", TWO),
    "Gentoo with genkernel": Style(
        "debian-12", GRUB, GENTOO, "Gentoo GNU/Linux", "/boot/kernel-genkernel-x86_64-5.10.61-gentoo",
        ("/boot/early_ucode.cpio", "/boot/initramfs-genkernel-x86_64-5.10.61-gentoo"), "root=/dev/xvda1 ro dolvm"),
    "Arch Linux": Style(
        "debian-12", GRUB, ARCH, "Arch Linux", "/boot/vmlinuz-linux", ("/boot/intel-ucode.img", "/boot/initramfs-linux.img"),
        "root=UUID={} rw loglevel=3".format(UUID)),
    "Alpine Linux": Style(
        "debian-12", GRUB, ALPINE, "Alpine Linux v3.20, with Linux virt", "/boot/vmlinuz-virt", ("/boot/initramfs-virt",),
        "root=UUID={} ro modules=sd-mod,usb-storage,ext4 rootfstype=ext4".format(UUID)),
    "Amazon Linux 2": Style(
        "bitfolk", GRUB2, AMAZON, "Amazon Linux (4.14.336-253.554.amzn2.x86_64) 2", "/boot/vmlinuz-4.14.336-253.554.amzn2.x86_64",
        ("/boot/initramfs-4.14.336-253.554.amzn2.x86_64.img",),
        "root=UUID={} ro console=tty0 console=ttyS0,115200n8 net.ifnames=0 rd.shell=0 rd.emergency=poweroff".format(UUID)),
    "Photon": Style(
        "bitfolk", GRUB2, PHOTON, "Photon", "/boot/vmlinuz-5.10.1-1.ph4", ("/boot/initrd.img-5.10.1-1.ph4",),
        "root=/dev/xvda1 init=/lib/systemd/systemd quiet net.ifnames=0",
        files=(("/boot/photon.cfg", grubenv("photon_cmdline=init=/lib/systemd/systemd quiet", "photon_linux=vmlinuz-5.10.1-1.ph4",
                                            "photon_initrd=initrd.img-5.10.1-1.ph4")),)),
    "Fedora CoreOS on its first boot": Style(
        "fedora-41", GRUB2, IGNITION, "Fedora CoreOS 40 (ostree:0)", "/boot/ostree/fcos-abc/vmlinuz-6.8.5-301.fc40.x86_64",
        ("/boot/ostree/fcos-abc/initramfs-6.8.5-301.fc40.x86_64.img",),
        "ignition.firstboot rd.neednet=1 ip=dhcp ignition.platform.id=qemu console=hvc0 ostree=/ostree/boot.1/fcos/abc/0 root=UUID=" + UUID,
        Storage(fstab=(Mount("/", "UUID=" + UUID, "xfs"), Mount("/boot", "LABEL=boot", "ext4"))),
        (("/boot/ignition.firstboot", "set ignition_network_kcmdline='rd.neednet=1 ip=dhcp'\n"),
         ("/boot/loader/entries/ostree-1-fcos.conf", IGNITION_ENTRY))),
}


@pytest.fixture
def read(tmp_path):
    """Write a style's files and read its menu."""

    def made(style, platform="xen_pvh", host=""):
        files = {style.config: style.text, style.kernel: "k"}
        files.update((path, "i") for path in style.initrd)
        files.update(style.files)
        for path, text in files.items():
            name = str(tmp_path) + path
            os.makedirs(os.path.dirname(name), exist_ok=True)
            with open(name, "w", encoding="utf-8") as file:
                file.write(text)
        with Root(str(tmp_path)) as root:
            return read_menu(root, profile(host or style.host), platform, style.storage, booted=True)

    return made


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", sorted(STYLES))
def test_the_entry_that_boots(read, name, platform):
    style = STYLES[name]
    menu = read(style, platform)
    # Where it is not known whether grubenv is read, the first candidate is for a host that reads it.
    entry = menu.entries[menu.candidates[0].index]
    assert (entry.title, entry.kernel, entry.initrd, entry.cmdline) == (style.title, style.kernel, style.initrd, style.cmdline)
    assert [error.text for error in entry.errors if error.fatal is not False] == []
    assert menu.problem is None


# blscfg is not in every GRUB, and these look for files at absolute paths.
NOT_EMULATED = (
    "EL 8", "EL 8 without kernelopts", "EL 9", "Fedora 43", "Fedora 43, next_entry", "Fedora CoreOS on its first boot", "Photon")


@pytest.mark.skipif(grub_emu.PROGRAM is None, reason="grub-emu is not installed: GRUB's own choice was not compared")
@pytest.mark.parametrize("name", sorted(set(STYLES).difference(NOT_EMULATED)))
def test_grub_itself_takes_the_same_entry(name, tmp_path):
    style = STYLES[name]
    for path, text in style.files:
        if os.path.dirname(path) == os.path.dirname(style.config):
            (tmp_path / os.path.basename(path)).write_text(text)

    def file(guest):
        return guest[len("/boot"):] if style.storage is TWO else guest

    lines = stand_ins.boot(str(tmp_path), style.text)
    expected = ["kernel: {} {}".format(file(style.kernel), style.cmdline)]
    if style.initrd:
        expected.append("initramfs: " + " ".join(file(initrd) for initrd in style.initrd))
    assert [line.replace("()//", "/").replace("()", "") for line in lines] == expected


@pytest.mark.parametrize("name", ["Fedora 31 on Xen", "EL 8", "EL 9", "Fedora 43"])
def test_grubenv_is_read_through_the_configurations_own_folder(read, name):
    """Fedora looks beside the configuration, so that a host whose $prefix is elsewhere reads grubenv, too."""
    style = STYLES[name]
    menu = read(style, host="fedora-41" if style.host == "fedora-41" else "bitfolk")
    assert len(menu.candidates) == 1
    assert menu.entries[menu.candidates[0].index].title == style.title


@pytest.mark.parametrize("name", ["EL 8", "Fedora 43"])
def test_no_entries_where_the_host_lacks_blscfg(read, name):
    style = STYLES[name]._replace(config="/boot/grub/grub.cfg")
    menu = read(style, host="debian-12")
    assert (menu.entries, menu.reason, menu.uses_blscfg) == ((), "no-entries", True)


def test_a_snapshot_opens_the_menu_that_lies_in_it(read):
    menu = read(STYLES["openSUSE with snapshots"])
    inside = [entry for entry in menu.entries if entry.path.startswith("1>0>")]
    assert inside[0].title == "openSUSE Leap 15.6"
    assert inside[0].cmdline == (
        "root=UUID={} rootflags=subvol=@/.snapshots/3/snapshot systemd.volatile=state splash=silent mitigations=auto quiet".format(UUID))
    assert inside[1].title == "If OK, run 'snapper rollback 3' and reboot."
    assert inside[1].kernel is None


def test_snapshots_that_list_each_other_without_end(read):
    style = STYLES["openSUSE with snapshots"]
    menu = read(style._replace(text=style.text.replace('if [ -z "$extra_cmdline" ]', "if true"), files=(
        style.files[0], (style.files[1][0], style.text.replace('if [ -z "$extra_cmdline" ]', "if true")))))
    assert menu.entries[menu.candidates[0].index].kernel == style.kernel
    assert menu.entries[-1].errors[-1].text == "menus nested too deep"
    assert menu.entries[-1].errors[-1].fatal is None


QUBES = head() + entry("Qubes, with Xen hypervisor", "xen-simple", search(BOOT) + """
if [ "$grub_platform" = "pc" -o "$grub_platform" = "" ]; then
    xen_rm_opts=
else
    xen_rm_opts="no-real-mode edd=off"
fi
multiboot2 /xen-4.17.3.gz placeholder  console=none dom0_mem=min:1024M ${xen_rm_opts}
module2 /vmlinuz-6.6.21-1.qubes.fc37.x86_64 placeholder root=/dev/mapper/qubes_dom0-root ro rhgb quiet
module2 --nounzip /initramfs-6.6.21-1.qubes.fc37.x86_64.img
""")


@pytest.mark.parametrize("platform, fatal", [("xen_pvh", {None}), ("xen-x86_64", {True})])
def test_qubes(read, platform, fatal):
    menu = read(Style("debian-12", "/boot/grub/grub.cfg", QUBES, "", "/boot/xen-4.17.3.gz", (), "", TWO), platform)
    entry = menu.entries[menu.candidates[0].index]
    assert (entry.title, entry.kernel) == ("Qubes, with Xen hypervisor", "/boot/xen-4.17.3.gz")
    assert {error.fatal for error in entry.errors if error.fatal is not False} == fatal
