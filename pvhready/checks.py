"""Every check by its id: the link of the boot chain it belongs to, what it looks at, why that matters, how to mend it.

Ids are part of the interface and are never renamed.
"""

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Tuple

GUEST, CONFIG, ENTRY, IMAGE, KERNEL, CMDLINE, INITRAMFS, ROOT, HACK, UPKEEP = (
    "guest", "grub.cfg", "entry", "image", "config", "command line", "initramfs", "root device", "hack", "upkeep",
)
CHAIN = (GUEST, CONFIG, ENTRY, IMAGE, KERNEL, CMDLINE, INITRAMFS, ROOT, HACK, UPKEEP)


class Check(NamedTuple):
    """What ``explain`` tells of a check."""

    link: str
    looks: str
    why: str
    mend: str


# id: (link, what it looks at, why it matters, how to mend it)
_CHECKS: "Dict[str, Tuple[str, str, str, str]]" = {
    "guest-type": (
        GUEST,
        "/sys/hypervisor, /proc/xen, DMI, /proc/cpuinfo, signs of a container or a chroot.",
        "Only a Xen guest in PV or HVM can be switched, and one in PVH wants to know of its next reboot.",
        "Where the kernel does not tell, say what the guest is: --assume-guest pv.",
    ),
    "access": (
        GUEST,
        "Files and folders that could not be read.",
        "What was not seen cannot be judged, and a guess could cost the machine.",
        "Run the check as root.",
    ),
    "xen-support": (
        GUEST,
        "The version of Xen below the guest.",
        "A host out of security support will be upgraded.",
        "Nothing to do in the guest.",
    ),
    "pv-32bit": (
        GUEST,
        "A 32-bit guest that runs in PV.",
        "Linux dropped 32-bit PV in 5.9 and Xen runs it only in a shim from 4.16 on.",
        "Switch to PVH, which boots 32-bit kernels, or install a 64-bit kernel and choose the 64-bit loader.",
    ),
    "grub-config": (
        CONFIG,
        "The grub.cfg that the host's GRUB finds.",
        "The host's GRUB boots what the guest's grub.cfg says.",
        "Nothing to do.",
    ),
    "grub-config-missing": (
        CONFIG,
        "The paths where the host's GRUB looks.",
        "Without grub.cfg GRUB stops at its prompt: menu.lst and extlinux.conf are not read.",
        "Write a grub.cfg where the host looks.",
    ),
    "grub-config-unreadable": (
        CONFIG,
        "The grub.cfg that the host's GRUB finds.",
        "What cannot be read or understood here says nothing about what boots.",
        "Run the check as root, or write the menu anew.",
    ),
    "grub-config-errors": (
        CONFIG,
        "Statements that GRUB would refuse.",
        "GRUB drops such a statement and goes on; the rest was judged.",
        "Mend the statement, or write the menu anew.",
    ),
    "grub-assumption": (
        CONFIG,
        "Devices that a search in grub.cfg names.",
        "A mounted file system does not tell the ids of its devices.",
        "Nothing to do; on the live system it is looked up.",
    ),
    "grub-waits": (
        CONFIG,
        "The variable timeout.",
        "Without it GRUB waits at its menu for a key, and an unattended boot never goes on; with many minutes it hardly does.",
        "Set timeout: write the menu anew.",
    ),
    "grub-no-entries": (
        CONFIG,
        "The entries of the menu.",
        "GRUB with an empty menu stops at its prompt.",
        "Write the menu anew.",
    ),
    "grub-blscfg": (
        CONFIG,
        "The command blscfg in grub.cfg (boot loader specification entries).",
        "A GRUB without that command shows no entries at all.",
        "Set GRUB_ENABLE_BLSCFG=false in /etc/default/grub and write the menu anew.",
    ),
    "grub-defaults": (
        CONFIG,
        "/etc/default/grub and /etc/default/grub.d.",
        "What they set by running commands is known to a shell only, which is not run.",
        "Nothing to do; write the menu anew if you changed them.",
    ),
    "grub-config-stale": (
        CONFIG,
        "/etc/default/grub and grub.d against the entry.",
        "A change that was never generated into grub.cfg has no effect, until it suddenly has.",
        "Write the menu anew, then check again.",
    ),
    "boot-filesystem": (
        CONFIG,
        "The file system of /boot: its superblock, and LUKS and LVM below it.",
        "The host's GRUB reads it by itself, with what its version knows of the file system.",
        "Nothing to do.",
    ),
    "boot-filesystem-feature": (
        CONFIG,
        "Features of the file system of /boot, and the layers below it, that not every GRUB reads.",
        "GRUB refuses the file system, finds no grub.cfg and stops at its prompt.",
        "Take the feature away where that is possible, or give /boot a plain ext4 of its own; or name a host that reads it with --host.",
    ),
    "boot-filesystem-unknown": (
        CONFIG,
        "The superblock of the file system of /boot.",
        "What cannot be read says nothing about what GRUB can read.",
        "Run the check as root.",
    ),
    "boot-filesystem-not-judged": (
        CONFIG,
        "The file system of /boot under --root.",
        "Its type is known, its features are not: they stand in the superblock, on a device.",
        "Name the device or image with --device, or check again on the live system.",
    ),
    "entry": (
        ENTRY,
        "The commands of the entry that boots next.",
        "They load the kernel and the initramfs.",
        "Nothing to do.",
    ),
    "entry-error": (
        ENTRY,
        "The commands of the entry that boots next.",
        "An entry whose command fails does not boot.",
        "Write the menu anew, or mend the entry.",
    ),
    "entry-command": (
        ENTRY,
        "Commands such as linux16 that not every GRUB has.",
        "A missing command is an error of the entry, which then does not boot.",
        "Let the entry say linux and initrd.",
    ),
    "entry-kernel": (
        ENTRY,
        "The kernel that the entry loads.",
        "No kernel, no boot.",
        "Write the menu anew, or install the kernel again.",
    ),
    "entry-fallback": (
        ENTRY,
        "Default entries that GRUB tries in vain before the one that boots.",
        "The machine comes up by its fallback entry, which is luck that the next change of the menu can end.",
        "Write the menu anew, or install the kernel that the default entry names.",
    ),
    "entry-uncertain": (
        ENTRY,
        "Entries that may boot next, where the host's GRUB decides on something that is not known.",
        "They do not all come up, so neither can be promised.",
        "Make them agree (the finding says on what), or name the host with --host.",
    ),
    "image-form": (
        IMAGE,
        "The header of the kernel image.",
        "The loader of each mode takes another form of image.",
        "Nothing to do.",
    ),
    "image-not-bzimage": (
        IMAGE,
        "The boot signature at offset 0x1fe.",
        "The PVH loader takes a bzImage only; a kernel that a hook decompressed in place is an ELF file.",
        "Where a hook did it, pvhready undo --apply puts the packaged image back. By hand: disable the hook, then install the kernel's "
        "package again.",
    ),
    "image-truncated": (
        IMAGE,
        "The lengths in the header against the file.",
        "A kernel that ends too early does not unpack.",
        "Install the kernel's package again; mind the space on /boot.",
    ),
    "image-unreadable": (
        IMAGE,
        "The image file.",
        "What cannot be read cannot be promised.",
        "Run the check as root; make it a regular file.",
    ),
    "image-not-a-kernel": (
        IMAGE,
        "The first bytes of the file.",
        "GRUB refuses what is no kernel.",
        "Install the kernel's package again.",
    ),
    "image-uki": (
        IMAGE,
        "PE files with a section .linux.",
        "The Xen loaders do not take a unified kernel image as a file.",
        "Keep a plain bzImage beside it.",
    ),
    "image-header": (
        IMAGE,
        "The header's memory (offset 0x260) and limit for the initramfs (0x22c), and the size that the payload ends with.",
        "A file that a crash left half written has its full size and a sound beginning: it is these that do not fit.",
        "Install the kernel's package again.",
    ),
    "image-setup-sectors": (
        IMAGE,
        "Offset 0x1f1.",
        "GRUB refuses more than 64 setup sectors.",
        "Install the kernel's package again.",
    ),
    "image-protocol": (
        IMAGE,
        "The boot protocol's version, offset 0x206.",
        "PVH needs 2.03, PV needs 2.08.",
        "Install a newer kernel.",
    ),
    "image-zimage": (
        IMAGE,
        "loadflags, offset 0x211.",
        "GRUB does not load a zImage with the 32-bit protocol.",
        "Install the kernel's package again.",
    ),
    "image-payload": (
        IMAGE,
        "The first bytes of the payload.",
        "The PV loader unpacks the kernel itself and reads gzip and xz only; under PVH the kernel unpacks itself.",
        "Under PV boot a kernel with a gzip or xz payload.",
    ),
    "image-xzio": (
        IMAGE,
        "An xz payload under PV.",
        "GRUB needs its module xzio: built into the host's image, or inserted before the kernel is loaded, out of the guest's GRUB folder.",
        "Where the host has the module: insmod xzio in the entry, before its line linux.",
    ),
    "image-width": (
        IMAGE,
        "The kernel's width against the PV loader's.",
        "A PV loader takes kernels of its own width only.",
        "Choose the other loader in the provider's shell (BitFolk: arch).",
    ),
    "image-xen-note": (
        IMAGE,
        "The Xen notes of an ELF kernel.",
        "Without a PV entry the domain crashes.",
        "Install a kernel that is built for Xen PV.",
    ),
    "image-contradiction": (
        IMAGE,
        "The payload's bytes, twice (--deep).",
        "Two readers that disagree are no proof.",
        "Install the kernel's package again.",
    ),
    "image-checksum": (
        IMAGE,
        "The image's checksum against its package's, as dpkg or rpm has it: that of the image that boots next, with --deep of every one.",
        "A file that was changed or damaged since is no proof of anything, however sound its header looks.",
        "Install the kernel's package again. Where you changed it yourself, as by signing it: --skip image-checksum.",
    ),
    "image-damaged": (
        IMAGE,
        "The payload, unpacked: where no configuration is there, and with --deep.",
        "A payload that does not unpack, or holds another kernel than its header says, is no proof of one that boots.",
        "Install the kernel's package again.",
    ),
    "image-not-unpacked": (
        IMAGE,
        "The payload, unpacked: where no configuration is there, and with --deep.",
        "Python itself unpacks gzip, xz, lzma and bzip2; lzo, lz4 and zstd take a library or a program.",
        "Install the package that is named, then check again.",
    ),
    "kernel-config": (
        KERNEL,
        "Release and configuration of the kernel.",
        "They decide whether it finds its disks.",
        "Nothing to do.",
    ),
    "kernel-release": (
        KERNEL,
        "The release in the image, else in the file's name.",
        "Without it neither configuration nor modules can be found.",
        "Name the file vmlinuz-RELEASE.",
    ),
    "kernel-too-old": (
        KERNEL,
        "The kernel's version.",
        "Before 5.0 Linux does not find PVH's ACPI tables when GRUB starts it (Debian patched its 4.19).",
        "Install a newer kernel.",
    ),
    "kernel-root-pointer": (
        KERNEL,
        "x86_default_get_root_pointer in System.map.",
        "4.19 and 4.20 boot under PVH only where they have it.",
        "Install a newer kernel.",
    ),
    "kernel-config-missing": (
        KERNEL,
        "/boot/config-RELEASE, /lib/modules/RELEASE/config, /usr/lib/modules/RELEASE/config, the image (IKCONFIG), /proc/config.gz.",
        "Without it nobody knows whether the kernel has PVH.",
        "Put the configuration in its place.",
    ),
    "kernel-config-cut": (
        KERNEL,
        "Whether the kernel's configuration is a whole file.",
        "What a whole one does not mention is off. A file that was cut off says nothing of what would have stood behind.",
        "Install the kernel's package again, which brings the file.",
    ),
    "kernel-config-checksum": (
        KERNEL,
        "The configuration's checksum against the one that its package shipped, by dpkg or rpm.",
        "A configuration that was changed says nothing sure of the kernel.",
        "Install the kernel's package again.",
    ),
    "kernel-notes": (
        KERNEL,
        "The Xen notes in the unpacked kernel: 6 for CONFIG_XEN, 1 for XEN_PV, 18 and bit 15 of 17 for XEN_PVH.",
        "The kernel itself cannot be wrong about them. Where one is missing the mode fails; that one is there is no proof, and 18 least of all.",
        "Nothing to do.",
    ),
    "kernel-config-conflict": (
        KERNEL,
        "All sources of the configuration, and the kernel's Xen notes where they were read.",
        "Sources that contradict each other are no proof.",
        "Remove the one that is wrong.",
    ),
    "kernel-xen": (
        KERNEL,
        "CONFIG_XEN.",
        "Without it the kernel knows no Xen at all.",
        "Install a kernel that is built for Xen.",
    ),
    "kernel-xen-pvh": (
        KERNEL,
        "CONFIG_XEN_PVH.",
        "Without it the kernel comes up as an HVM guest that finds no disks.",
        "Install a kernel that has it.",
    ),
    "kernel-xen-pv": (
        KERNEL,
        "CONFIG_XEN_PV.",
        "Without it the kernel has no PV entry.",
        "Use PVH, or an older kernel.",
    ),
    "kernel-programs": (
        KERNEL,
        "The kernel's width and CONFIG_IA32_EMULATION against the guest's shell.",
        "A 32-bit kernel starts no 64-bit program, and a 64-bit one starts 32-bit programs only where it is built for that.",
        "Install the kernel of the guest's own width.",
    ),
    "kernel-blkfront": (
        KERNEL,
        "CONFIG_XEN_BLKDEV_FRONTEND.",
        "Without it there are no disks.",
        "Install a kernel that has it.",
    ),
    "kernel-netfront": (
        KERNEL,
        "CONFIG_XEN_NETDEV_FRONTEND; where it is a module, /lib/modules and the initramfs of the kernel that boots next.",
        "Without it there is no network.",
        "Install a kernel that has it, with its modules.",
    ),
    "kernel-console": (
        KERNEL,
        "CONFIG_HVC_XEN.",
        "Without it the Xen console stays silent.",
        "Install a kernel that has it.",
    ),
    "kernel-sys-hypervisor": (
        KERNEL,
        "CONFIG_XEN_SYS_HYPERVISOR.",
        "Without it the guest does not know its type.",
        "Nothing to do for the boot.",
    ),
    "kernel-regression": (
        KERNEL,
        "The kernel's version.",
        "Some stable releases have known faults under Xen.",
        "Install a newer kernel of the series.",
    ),
    "cmdline": (
        CMDLINE,
        "The entry's own arguments.",
        "Some stop a PVH guest.",
        "Nothing to do.",
    ),
    "cmdline-nopv": (
        CMDLINE,
        "nopv, xen_nopv.",
        "Ignored under PV; under PVH the kernel stops in silence.",
        "Remove it and write the menu anew.",
    ),
    "cmdline-acpi": (
        CMDLINE,
        "acpi=off, acpi=ht.",
        "PVH is detected through ACPI.",
        "Remove it and write the menu anew.",
    ),
    "cmdline-vector-callback": (
        CMDLINE,
        "xen_no_vector_callback.",
        "It leaves a PVH guest without its bus and disks.",
        "Remove it and write the menu anew.",
    ),
    "cmdline-blacklist": (
        CMDLINE,
        "module_blacklist=, modprobe.blacklist=, rd.driver.blacklist=, blacklist=, initcall_blacklist=.",
        "They can keep the kernel's Xen support or its block front end from starting.",
        "Remove it and write the menu anew.",
    ),
    "cmdline-nolapic": (
        CMDLINE,
        "nolapic, disableapic.",
        "PVH needs the local APIC.",
        "Remove it and write the menu anew.",
    ),
    "cmdline-mem": (
        CMDLINE,
        "mem=, memmap=, crashkernel=, hugepages=.",
        "It limits what kernel and initramfs are unpacked into, and under PVH it also lowers the place where GRUB puts the initramfs. PV guests "
        "ignore the last two.",
        "Remove it, unless it is known to be enough.",
    ),
    "cmdline-stops": (
        CMDLINE,
        "break, break=, rd.break, rd.rescue, rd.emergency, rd.systemd.unit=rescue.target.",
        "The initramfs stops in a shell and waits for somebody at the console.",
        "Remove it and write the menu anew.",
    ),
    "cmdline-boot-script": (
        CMDLINE,
        "boot=.",
        "It names the script of an initramfs that looks for the root: live, casper, nfs. None of these finds the root of an installed system. A device there is for dracut: initramfs-tools looks for a script of that name, and ends.",
        "Remove it and write the menu anew.",
    ),
    "cmdline-volume": (
        CMDLINE,
        "rd.lvm.lv=, on the running system.",
        "dracut waits for each logical volume that is named there, and stops in a shell when one does not come. Swap that was removed is the usual one.",
        "Remove it and write the menu anew.",
    ),
    "cmdline-rescue": (
        CMDLINE,
        "single, rescue, emergency, 1, -s, -b, systemd.unit=rescue.target, init=/bin/sh, Ubuntu's recovery.",
        "The guest comes up without network, and waits for somebody at the console.",
        "Remove it and write the menu anew, or choose another entry.",
    ),
    "cmdline-earlyprintk": (
        CMDLINE,
        "earlyprintk=xen.",
        "Under PVH it writes to the host's log.",
        "Nothing to do.",
    ),
    "cmdline-too-long": (
        CMDLINE,
        "The length of the command line: 1022 bytes under PV, under PVH the kernel's own limit with BOOT_IMAGE= and the kernel's path.",
        "Loaders leave out whole arguments from the first that does not fit, without a word: what is left out is judged as not there.",
        "Take arguments out of /etc/default/grub and write the menu anew.",
    ),
    "cmdline-built-in": (
        CMDLINE,
        "CONFIG_CMDLINE_BOOL, CONFIG_CMDLINE and CONFIG_CMDLINE_OVERRIDE.",
        "A kernel may have arguments built in: they stand before the entry's, or in their place.",
        "Build the kernel without them, if they harm.",
    ),
    "console-silent": (
        CMDLINE,
        "console= arguments.",
        "Under PV the kernel finds hvc0 by itself. Under PVH it must be told, or the Xen console shows nothing after GRUB.",
        "Add console=hvc0 and write the menu anew.",
    ),
    "initramfs": (
        INITRAMFS,
        "xen-blkfront in the entry's initramfs.",
        "The disks need it where it is a module.",
        "Nothing to do.",
    ),
    "initramfs-missing": (
        INITRAMFS,
        "The entry's initrd command.",
        "Without an initramfs a modular block front end is never loaded.",
        "Build the initramfs and write the menu anew.",
    ),
    "initramfs-blkfront": (
        INITRAMFS,
        "xen-blkfront in the entry's initramfs.",
        "Without it the kernel finds no disks.",
        "Add the module and build the initramfs anew.",
    ),
    "initramfs-damaged": (
        INITRAMFS,
        "The content of xen-blkfront in the entry's initramfs.",
        "A file of zeros, or one that was cut short, is no module that the kernel loads.",
        "Build the initramfs anew.",
    ),
    "initramfs-blacklist": (
        INITRAMFS,
        "modprobe's settings in the initramfs (etc/modprobe.d).",
        "A module that they blacklist, or run something else for, is not loaded when its device is found.",
        "Take the line away from /etc/modprobe.d, and build the initramfs anew.",
    ),
    "initramfs-release": (
        INITRAMFS,
        "The release that the initramfs was made for.",
        "Modules of another release do not load.",
        "Build it for this kernel.",
    ),
    "initramfs-unreadable": (
        INITRAMFS,
        "The archive.",
        "What cannot be read cannot be promised.",
        "Run as root, or install the tool that reads it.",
    ),
    "initramfs-compression": (
        INITRAMFS,
        "The archive's compression against the kernel's RD_* options.",
        "A kernel that cannot unpack it does not boot.",
        "Build it with another compression.",
    ),
    "initramfs-support": (
        INITRAMFS,
        "CONFIG_BLK_DEV_INITRD in all sources of the configuration.",
        "A kernel without it passes over every initramfs.",
        "Remove the source of the configuration that is wrong.",
    ),
    "initramfs-program": (
        INITRAMFS,
        "rdinit= of the entry, and what /init of the initramfs needs, where there are several archives.",
        "The kernel runs one program of the initramfs: the one that rdinit= names, else /init.",
        "Remove rdinit= and write the menu anew; build the initramfs anew.",
    ),
    "root-device": (
        ROOT,
        "root= of the entry.",
        "The kernel mounts what it names.",
        "Nothing to do.",
    ),
    "root-device-name": (
        ROOT,
        "root=/dev/sd*, hd*, vd*, and udev's links for such disks: by-id/ata-*, scsi-*, virtio-*, by-path/pci-*.",
        "The disks of a Xen guest are called xvd*, in both modes.",
        "Use UUID=.",
    ),
    "root-device-initramfs": (
        ROOT,
        "root= of an entry that has no initramfs.",
        "The kernel alone finds /dev/xvd*, PARTUUID= and PARTLABEL=. A UUID of a file system, a label and a logical volume take programs.",
        "Write the menu anew once there is an initramfs, or name the partition.",
    ),
    "root-device-missing": (
        ROOT,
        "root= against the devices that are there.",
        "Nothing has that id.",
        "Write the menu anew.",
    ),
    "root-device-other": (
        ROOT,
        "root= against the device that is mounted now.",
        "The next boot would run from another file system.",
        "Write the menu anew if that is not meant.",
    ),
    "root-device-unknown": (
        ROOT,
        "root= against the devices that are there.",
        "It could not be looked up.",
        "Run the check as root.",
    ),
    "root-device-fstab": (
        ROOT,
        "root= against /etc/fstab.",
        "They contradict each other.",
        "Make them agree.",
    ),
    "root-file-system": (
        ROOT,
        "rootfstype= against /etc/fstab and what is mounted.",
        "A root that is taken for another file system is not mounted.",
        "Remove it and write the menu anew.",
    ),
    "mount-device-name": (
        ROOT,
        "The other lines of /etc/fstab: sd*, hd*, vd*, and udev's links for such disks.",
        "The disks of a Xen guest are called xvd*, and systemd stops in its emergency mode over a file system that cannot be mounted.",
        "Use UUID=, or add nofail to the options.",
    ),
    "mount-device-missing": (
        ROOT,
        "The other lines of /etc/fstab, on the running system.",
        "Systemd stops in its emergency mode over a file system that cannot be mounted.",
        "Correct the line, or add nofail to the options.",
    ),
    "root-device-not-judged": (
        ROOT,
        "root= under --root.",
        "A mounted file system does not tell which devices the guest will have.",
        "Check again on the live system.",
    ),
    "init-missing": (
        ROOT,
        "The first program, /sbin/init or what init= of the entry names, in the root file system.",
        "The kernel starts it, and panics where it is not there.",
        "Take a wrong argument away, or put the program there.",
    ),
    "init-broken": (
        ROOT,
        "The beginning of the first program, and the loader or interpreter that it needs.",
        "The kernel panics over one that is empty, cut short, of another machine, or whose loader (/lib64/ld-linux-x86-64.so.2) is missing.",
        "Install the package again that it belongs to.",
    ),
    "init-target": (
        ROOT,
        "/etc/systemd/system/default.target.",
        "One that leads to rescue.target or emergency.target, or is masked, ends in a shell on the console, without network.",
        "systemctl set-default multi-user.target.",
    ),
    "root-driver": (
        ROOT,
        "The drivers of the root file system and the layers below it.",
        "Built in or in the initramfs, else the root is not mounted.",
        "Build the initramfs anew with the module.",
    ),
    "root-program": (
        ROOT,
        "lvm, cryptsetup and mdadm in the initramfs, where the root lies on such a volume, or an argument tells of one.",
        "The modules alone put no volume together: an initramfs that was built without the package waits for a root that never comes.",
        "Install the package, and build the initramfs anew.",
    ),
    "root-passphrase": (
        ROOT,
        "console=, where the root lies on an encrypted volume, or an argument tells of one.",
        "Its passphrase is asked for at /dev/console. Under PV that is hvc0 by itself; under PVH it is tty0, which nobody sees.",
        "Add console=hvc0 and write the menu anew.",
    ),
    "hack": (
        HACK,
        "Hooks of kernel packages, and the images.",
        "Hooks that decompress kernels for old PV loaders break PVH.",
        "Nothing to do.",
    ),
    "hack-hook-active": (
        HACK,
        "Hooks that decompress kernels in place.",
        "The next kernel would be decompressed, and PVH refuses it.",
        "pvhready undo shows what it would do, and pvhready undo --apply does it. By hand: chmod a-x the hook (dpkg-divert --rename --add "
        "for a packaged one), then install the kernel's package again.",
    ),
    "hack-hook-inert": (
        HACK,
        "Such hooks that do not run.",
        "They do no harm as they are.",
        "Nothing to do.",
    ),
    "hack-helper": (
        HACK,
        "Programs that such hooks call.",
        "They do no harm by themselves. Removing one before its hook breaks kernel installs.",
        "Disable the hook first.",
    ),
    "hack-kernel": (
        HACK,
        "Kernels that stand decompressed.",
        "They boot under PV only.",
        "pvhready undo shows what it would do, and pvhready undo --apply does it. By hand: chmod a-x the hook (dpkg-divert --rename --add "
        "for a packaged one), then install the kernel's package again.",
    ),
    "hack-unreadable": (
        HACK,
        "Hooks that could not be read.",
        "They may decompress the next kernel.",
        "Run the check as root.",
    ),
    "newer-kernel": (
        UPKEEP,
        "The kernel that comes first once the menu is written anew, with its initramfs; or any newer than the default.",
        "The next upgrade writes the menu anew, and mostly the first entry is the default.",
        "Mend it, remove it, or install one that boots.",
    ),
    "kernel-copy": (
        UPKEEP,
        "Copies of kernels in /boot, such as vmlinuz-VERSION.bak.",
        "The menu's generator takes every vmlinuz-* for a kernel and sorts most copies above their original; only .old stands below.",
        "Move the copy out of /boot and write the menu anew.",
    ),
    "autoremove": (
        UPKEEP,
        "A default that names its kernel, which is neither the newest nor running.",
        "The next upgrade and its autoremove take that kernel away, and GRUB falls back to the first entry.",
        "Keep the kernel, or mend the newest one.",
    ),
    "boots-once": (
        UPKEEP,
        "next_entry in grubenv, which grub-reboot sets.",
        "It holds for a single boot: the next one after it takes the default entry again.",
        "See that the default entry boots as well (pvhready entries), or make this one the default.",
    ),
    "default-stale": (
        UPKEEP,
        "GRUB's variable default: GRUB_DEFAULT, or saved_entry of grubenv.",
        "It names no entry: GRUB takes the first without a word.",
        "Set GRUB_DEFAULT to an entry that is there (see pvhready entries), or to 0, and write the menu anew.",
    ),
    "upgrade-default": (
        UPKEEP,
        "UPDATEDEFAULT and DEFAULTKERNEL in /etc/sysconfig/kernel.",
        "The next kernel of that package becomes the default entry, also where another source's kernel boots now.",
        "Name the package of the kernel that boots in DEFAULTKERNEL.",
    ),
    "boot-space": (
        UPKEEP,
        "The space on /boot, where a file there is damaged.",
        "A full disk leaves kernels and initramfs cut short.",
        "Remove old kernels, then install or build the damaged file again.",
    ),
    "older-kernel": (
        UPKEEP,
        "Kernels older than the default.",
        "They are no way out if the default fails.",
        "Nothing to do.",
    ),
    "pv-kept": (
        UPKEEP,
        "A kernel that undo --keep-pv has kept decompressed, where the menu takes it under PV.",
        "Newer kernels are not decompressed: under PV this one stays the default for as long as it is installed.",
        "Nothing to do. Without its package the way back to PV is closed; undo --revert takes it out of the menu.",
    ),
    "fallback-entry": (
        UPKEEP,
        "The entry that GRUB falls back to.",
        "It would not come up either.",
        "Let fallback name one that boots.",
    ),
    "way-back": (
        UPKEEP,
        "The same boot under the other mode.",
        "Some kernels boot in one mode only: then there is no way back with them.",
        "Keep an older kernel that boots both ways.",
    ),
}

IDS = tuple(_CHECKS)


def link_of(check: str) -> str:
    """Return the link of the boot chain that a check belongs to."""
    return _CHECKS[check][0]


def explanation(check: str) -> Check:
    """Return what is to be told of a check. Raises KeyError for an id that there is not."""
    return Check(*_CHECKS[check])
