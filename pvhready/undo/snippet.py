"""The part of the boot menu that lets PV boot a kept, decompressed kernel: a script for /etc/grub.d."""

PATH = "/etc/grub.d/09_pvhready"
MODE = 0o755

# 10_linux is asked what it would write, so that the root device, the options and the initramfs are those of the distribution, on
# every file system. Of its entries the first for each kept kernel is taken, and the path of the image in it is replaced.
TEXT = r"""#!/bin/sh
# Written by "pvhready undo --keep-pv", and removed by "pvhready undo --revert --apply". By hand: remove this file, write the menu anew
# (update-grub, or grub2-mkconfig -o /boot/grub2/grub.cfg), and only then remove /boot/pvhready-*.elf. It works without pvhready.
#
# Under PV the menu gets an entry for each kernel that is kept decompressed as /boot/pvhready-RELEASE.elf and still installed. The
# newest is the default there. Under PVH, GRUB passes over all of this.
set -e

entries=$("${0%/*}/10_linux" 2>/dev/null) || exit 0

entry() {
    printf '%s\n' "$entries" | awk -v "release=$1" '
        function indent(line) { return match(line, /[^ \t]/) }
        BEGIN { old = "/vmlinuz-" release " "; new = "/pvhready-" release ".elf " }
        $1 == "menuentry" {
            inside = indent($0); found = 0; body = ""
            open = index($0, "--unrestricted") ? " --unrestricted" : ""
            next
        }
        inside && $1 == "}" && indent($0) == inside {
            if (found) {
                printf "menuentry \047Linux %s, decompressed for PV\047%s --class gnu-linux --class os ", release, open
                printf "$menuentry_id_option \047pvhready-%s\047 {\n%s}\n", release, body
                exit
            }
            inside = 0
        }
        inside {
            line = $0
            at = index(line " ", old)
            if (at && $1 ~ /^linux/) {
                line = substr(line, 1, at - 1) new substr(line, at + length(old))
                found = 1
            }
            body = body line "\n"
        }'
}

default=
menu=
for release in $(ls /boot | sed -n 's/^pvhready-\(.*\)\.elf$/\1/p' | sort -V -r); do
    text=$(entry "$release")
    if [ -n "$text" ]; then
        default=${default:-$release}
        menu="$menu$text
"
    fi
done
[ -n "$default" ] || exit 0

printf 'if [ "$grub_platform" = xen ]; then\n%s' "$menu"
printf 'if [ -z "$boot_once" ]; then\n  set default="pvhready-%s"\nfi\nfi\n' "$default"
"""
