"""Which entry boots and what the kernel gets. The expected command lines were measured with pvhgrub and pvgrub2 2.06 under Xen."""

import pytest
from grub_disk import entry, grubenv, show

HEAD = "set timeout=0\n"
ABC = entry("A") + entry("B") + entry("C")
SUBMENU = entry("A") + "submenu 'More of it' {\n" + entry("B") + entry("C") + "}\n"
PLATFORMS = ("xen_pvh", "xen-x86_64", "xen-i386")

CHOICES = {
    "a number": ("set default=1\n" + ABC, "B", "default-index"),
    "an id": ("set default=bee\n" + entry("A") + entry("B", "--id bee"), "B", "default-id"),
    "a title": ("set default='B B'\n" + entry("A") + entry("B B"), "B_B", "default-title"),
    "a path of titles": ("set default='More of it>C'\n" + SUBMENU, "C", "default-title"),
    "a path of numbers": ("set default='1>1'\n" + SUBMENU, "C", "default-index"),
    "a submenu boots its first entry": ("set default=1\n" + SUBMENU, "B", "default-index"),
    "a path that leads nowhere": ("set default='1>9'\n" + SUBMENU, "B", "default-index"),
    "a number beyond the menu": ("set default=9\n" + ABC, "A", "first-entry"),
    "a title that nothing has": ("set default=nothing\n" + ABC, "A", "first-entry"),
    "an empty default": ("set default=''\n" + ABC, "A", "first-entry"),
    "no default": (ABC, "A", "first-entry"),
    "a title that begins with a digit is a number": ("set default='1st'\n" + entry("A") + entry("B") + entry("1st"), "B", "default-index"),
    "a doubled > in a title": ("set default='a>>b'\n" + entry("A") + "menuentry 'a>b' { linux /boot/vmlinuz pick=B; }\n", "B",
    "default-title"),
    "entries that a condition leaves out": ("set default=1\nif false; then\n" + entry("A") + "fi\n" + entry("B") + entry("C"), "C",
    "default-index"),
    "a value that goes on in the next line": ("set default=\\\n1\n" + ABC, "B", "default-index"),
    "a path of ids": ("set default='more>cee'\n" + entry("A") + "submenu 'S' --id more {\n" + entry("B") + entry("C", "--id cee") + "}\n",
    "C", "default-id"),
    "a path through two submenus": ("set default='1>0>1'\n" + entry("A") + "submenu 'S' {\nsubmenu 'T' {\n" + entry("B") + entry("C")
    + "}\n}\n", "C", "default-index"),
    "an id goes before what a number would mean only where it is no number": ("set default=1\n" + entry("A", "--id 1") + entry("B"), "B",
    "default-index"),
    "the first of two that have the same title": ("set default=B\n" + entry("A") + entry("B") + entry("C", "--id B"), "B", "default-title"),
    "the last setting counts": ("set default=2\n" + ABC + "set default=1\n", "B", "default-index"),
    "the next entry of a list of failures": ("set default=0\nset fallback='2 1'\n" + entry("A", kernel="/none") + entry("B") + entry("C"),
    "C", "fallback"),
    "a fallback that fails too": (
        "set fallback='1 2'\n" + entry("A", kernel="/none") + entry("B", kernel="/none") + entry("C"), "C", "fallback"),
}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", sorted(CHOICES))
def test_choice(name, platform):
    script, pick, reason = CHOICES[name]
    shown = show(HEAD + script, platform=platform)
    assert shown.cmdline == "pick=" + pick
    assert shown.choice.reason == reason


@pytest.mark.parametrize("fallback", ["B", "7", ""])
def test_a_fallback_that_names_no_entry_by_number_boots_nothing(fallback):
    shown = show(HEAD + "set fallback='{}'\n".format(fallback) + entry("A", kernel="/boot/none") + entry("B"))
    assert shown.cmdline is None
    assert shown.texts == ["file `/boot/none' not found.", "you need to load the kernel first."]


@pytest.mark.parametrize("arguments, pick", [
    ("A --id $none", "B"),  # no title is left
    ("A x --id $none", None),  # the body is what lies between the ends of x
    ("A '{ linux /boot/vmlinuz pick=C; }' --class $none", "C"),
])
def test_an_option_without_its_value_takes_the_block_away(arguments, pick):
    """As grub-emu 2.06 has it: menuentry then takes its last argument for the block."""
    shown = show(HEAD + "menuentry " + arguments + " { linux /boot/vmlinuz pick=A; }\n" + entry("B"))
    assert shown.cmdline == (pick and "pick=" + pick)


def test_a_missing_command_fails_its_entry_only():
    shown = show(HEAD + "set fallback=1\n" + entry("A").replace("linux", "linux16") + entry("B"))
    assert shown.cmdline == "pick=B"
    assert [error.text for error in shown.results[0].complaints] == ["can't find command `linux16'.", "you need to load the kernel first."]
    assert shown.results[0].complaints[0].command == "linux16"


def test_a_missing_initramfs_does_not_stop_grub():
    shown = show(HEAD + entry("A").replace("/boot/initrd.gz", "/boot/initrd.gz /boot/none"))
    assert shown.cmdline == "pick=A"
    assert [(error.text, error.fatal) for error in shown.results[0].complaints] == [("file `/boot/none' not found.", True)]


@pytest.mark.parametrize("platform, pick", [("xen_pvh", "B"), ("xen-x86_64", "C"), ("xen-i386", "C")])
def test_the_platform(platform, pick):
    script = 'if [ "$grub_platform" = "xen_pvh" ]; then set default=1; elif [ "$grub_platform" = "xen" ]; then set default=2; fi\n'
    assert show(HEAD + script + ABC, platform=platform).cmdline == "pick=" + pick


@pytest.mark.parametrize("platform, pick", [("xen_pvh", "C"), ("xen-x86_64", "B"), ("xen-i386", "C")])
def test_the_processor(platform, pick):
    script = "if [ x$grub_platform = xxen ]; then set default=1; fi\nif [ x$grub_cpu = xi386 ]; then set default=2; fi\n"
    assert show(HEAD + script + ABC, platform=platform).cmdline == "pick=" + pick


COMMAND_LINES = {
    "quotes": ("x='a b'\n", "1=\"a b\" 2='c d' 3=e\\ f 4=\"g\\\"h\" 5='i$x' 6=\"j$x\" 7=k\\\\l",
               '"1=a b" "2=c d" "3=e f" 4=g\\"h 5=i$x "6=ja b" 7=k\\\\l'),
    "splitting": ('x="a  b c"\n', 'u=$x v="$x" w=${x}z', 'u=a b c "v=a  b c" w=a b cz'),
    "a function's arguments": ('function f { n=$#; all="$*"; set at="$@"; shift; s=$1; }\nf a "b c" d\n', 'n=$n all="$all" at="$at" s="$s"',
                               'n=3 "all=a b c d" at=a s=b'),
    "a number from a name": ("regexp --set=1:ver 'k-([0-9.]*)' k-6.1.2\nif regexp '^a.*z$' abcz; then m=yes; fi\n", "ver=$ver m=$m",
    "ver=6.1.2 m=yes"),
    "status": ("false\ns=$?\ntrue\nt=$?\n", "s=$s t=$t", "s=1 t=0"),
    "assignments": ("x=1 y=2\nset z = 3\n", "x=$x y=$y z=$z", "x=1 y= z="),
    "no and, no or": ("true && set a=1\nfalse || set b=1\n", "a=$a b=$b", "a= b="),
    "a line that goes on": ('set x="a\\\nb"\nset y=\\\nc\n', 'x="$x" y=$y', "x=ab y=c"),
    "what the host sets": ("", "$prefix $root c=$cmdpath $chosen $config_file $config_directory",
                           "(memdisk)/boot/grub xen/xvda c= A (memdisk)/grub.cfg (memdisk)"),
}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", sorted(COMMAND_LINES))
def test_command_line(name, platform):
    before, arguments, expected = COMMAND_LINES[name]
    assert show(HEAD + before + entry("A", more=arguments), platform=platform).cmdline == "pick=A " + expected


def test_entries_made_in_a_loop_have_their_own_arguments():
    script = "for i in A B C; do\n menuentry \"$i\" \"$i\" { linux /boot/vmlinuz pick=$1 $i; }\ndone\nset default=1\n"
    assert show(HEAD + script).cmdline == "pick=B C"


def test_entries_made_by_a_function():
    script = "function f {\n menuentry \"$1\" \"$2\" { linux /boot/vmlinuz $1 $2; }\n}\nf one uno\nf two due\nset default=1\n"
    assert show(HEAD + script).cmdline == "two due"


def test_a_submenu_sees_exported_variables_only():
    script = "a=1\nb=2\nexport b\nsubmenu S {\n" + entry("X", more="a=$a b=$b") + "}\nset default='0>0'\n"
    assert show(HEAD + script).cmdline == "pick=X a= b=2"


def test_an_entry_does_not_change_the_next():
    script = "menuentry A { a=1; insmod one; linux /boot/vmlinuz a=$a; }\nmenuentry B { linux /boot/vmlinuz a=$a; }\n"
    shown = show(HEAD + "insmod all\n" + script)
    assert [result.loader.cmdline for result in shown.results] == ["a=1", "a="]
    assert [result.modules for result in shown.results] == [("all", "one"), ("all",)]


def test_a_second_file():
    files = {"/boot/grub/more.cfg": "y=sourced\n" + entry("S", more="y=$y"), "/boot/grub/custom.cfg": entry("T")}
    script = "source /boot/grub/more.cfg\nif [ -f ${config_directory}/custom.cfg ]; then\n source ${config_directory}/custom.cfg\nfi\n"
    shown = show(HEAD + script + entry("A"), files)
    assert [result.loader.cmdline for result in shown.results] == ["pick=S y=sourced", "pick=T", "pick=A"]


def test_a_file_with_a_menu_of_its_own_takes_over():
    shown = show(HEAD + "menuentry A { configfile /boot/grub/more.cfg; }\n" + entry("B"), {"/boot/grub/more.cfg": "set default=1\n" + ABC})
    assert shown.cmdline == "pick=B"
    assert [result.path for result in shown.results] == ["0>0", "0>1", "0>2", "1"]


SAVED = 'if [ -s $prefix/grubenv ]; then\n  load_env\nfi\nset default="${saved_entry}"\n'
MKCONFIG = (
    'if [ -s $prefix/grubenv ]; then\n  set have_grubenv=true\n  load_env\nfi\nif [ "${next_entry}" ] ; then\n'
    '   set default="${next_entry}"\n'
    '   set next_entry=\n   save_env next_entry\n   set boot_once=true\nelse\n   set default="${saved_entry}"\nfi\n'
)


@pytest.mark.parametrize("head, env, prefix, pick, reason", [
    (SAVED, "saved_entry=B\n", "", "A", "first-entry"),
    (SAVED, "saved_entry=B\n", "(xen/xvda)/boot/grub", "B", "saved_entry"),
    (SAVED, "saved_entry=1\n", "(xen/xvda)/boot/grub", "B", "saved_entry"),
    (SAVED, "saved_entry=gone\n", "(xen/xvda)/boot/grub", "A", "first-entry"),
    (MKCONFIG, "saved_entry=B\nnext_entry=C\n", "", "A", "first-entry"),
    (MKCONFIG, "saved_entry=B\nnext_entry=C\n", "(xen/xvda)/boot/grub", "C", "next_entry"),
    (MKCONFIG, "saved_entry=B\n", "(xen/xvda)/boot/grub", "B", "saved_entry"),
])
def test_saved_entries_count_where_the_hosts_prefix_is_the_guests(head, env, prefix, pick, reason):
    shown = show(HEAD + head + ABC, {"/boot/grub/grubenv": grubenv(env)}, prefix=prefix)
    assert (shown.cmdline, shown.choice.reason) == ("pick=" + pick, reason)


def test_load_env_complains_where_there_is_no_block():
    shown = show(HEAD + "load_env\nset default=\"${saved_entry}\"\n" + ABC, {"/boot/grub/grubenv": grubenv("saved_entry=B\n")})
    assert (shown.cmdline, shown.texts) == ("pick=A", ["file `/boot/grub/grubenv' not found."])


@pytest.mark.parametrize("block", ["saved_entry=B\n" + "#" * 1010, "# GRUB Environment Block", "", "saved_entry=B\n" * 80])
def test_load_env_complains_where_the_header_is_not_there(block):
    script = HEAD + 'load_env\nset default="${saved_entry}"\n' + ABC
    shown = show(script, {"/boot/grub/grubenv": block}, prefix="(xen/xvda)/boot/grub")
    assert (shown.cmdline, shown.texts) == ("pick=A", ["invalid environment block."])


def test_custom_cfg_beside_the_configuration_and_not_in_prefix():
    tail = "if [ -f ${config_directory}/custom.cfg ]; then\n source ${config_directory}/custom.cfg\n"
    tail += 'elif [ -z "${config_directory}" -a -f $prefix/custom.cfg ]; then\n source $prefix/custom.cfg\nfi\n'
    script = HEAD + "set default=1\n" + entry("A") + tail
    assert show(script, {"/boot/grub/custom.cfg": entry("B")}).cmdline == "pick=B"
    assert show(script, {"/other/custom.cfg": entry("B")}, prefix="(xen/xvda)/other").cmdline == "pick=A"


@pytest.mark.parametrize("line, error", [
    ("search --no-floppy --fs-uuid --set=root 00000000-dead-beef-0000-000000000000",
     "no such device: 00000000-dead-beef-0000-000000000000."),
    ("nosuchcommand foo", "can't find command `nosuchcommand'."), ("blscfg", "can't find command `blscfg'."),
    ("if [ a = a ; then", "out of memory."),
])
def test_an_error_leaves_the_rest_of_the_file(line, error):
    shown = show(HEAD + "set default=1\n" + ABC + line + "\n")
    assert (shown.cmdline, shown.texts) == ("pick=B", [error])


def test_a_dollar_sign_by_itself_loses_the_entry():
    shown = show(HEAD + entry("A", more="d=$ e"))
    assert shown.cmdline is None
    assert shown.choice.reason == "no-entries"
    assert shown.errors[0].source == "/boot/grub/grub.cfg:3"


@pytest.mark.parametrize("options, users, asks", [
    ("", "root", True), ("--unrestricted", "root", False), ("--users a", "root", True), ("", None, False),
])
def test_passwords(options, users, asks):
    head = "set superusers={}\npassword root secret\n".format(users) if users else ""
    shown = show(HEAD + head + entry("A", options))
    assert (shown.cmdline is None) == asks


def test_what_grub_mkconfig_writes_around_an_entry_makes_no_difference():
    script = (
        "function load_video { insmod all_video; }\nif loadfont unicode ; then\n set gfxmode=auto\n load_video\n insmod gfxterm\nfi\n"
        "terminal_output console\nset menu_color_normal=cyan/blue\nset linux_gfx_mode=keep\nexport linux_gfx_mode\n"
        "menuentry 'A' {\n load_video\n set gfxpayload=$linux_gfx_mode\n insmod gzio\n"
        " if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi\n set root='hd0,msdos1'\n"
        " if [ x$feature_platform_search_hint = xy ]; then\n  search --no-floppy --file --set=root --hint-bios=hd0,msdos1 /boot/vmlinuz\n"
        " else\n  search --no-floppy --file --set=root /boot/vmlinuz\n fi\n echo 'Loading ...'\n"
        " linux /boot/vmlinuz gfx=$linux_gfx_mode\n initrd /boot/initrd.gz\n}\n"
    )
    shown = show(HEAD + script)
    assert (shown.cmdline, shown.texts) == ("gfx=keep", ["file `/boot/grub/fonts/unicode.pf2' not found."])
    assert shown.results[0].modules == ("all_video", "gzio")
    # Of xzio the guest has no file.
    assert show(HEAD + script, platform="xen-i386").results[0].modules == ("all_video", "gzio", "lzopio")


def test_a_device_that_does_not_exist():
    shown = show(HEAD + "set root=hd0,msdos1\n" + entry("A"))
    assert shown.results[0].complaints[0].text == "disk `hd0,msdos1' not found."
    assert shown.cmdline is None


def test_an_empty_id_is_not_the_title():
    shown = show(HEAD + "set default=A\n" + entry("B") + entry("A", "--id ''", more="chosen=[$chosen]"))
    assert shown.cmdline == "pick=A chosen=[]"


def test_a_default_that_a_submenu_sets_goes_before_the_rest_of_the_path():
    body = "submenu S {\n" + entry("A") + entry("B") + "set default=0\n}\n"
    assert show(HEAD + "set default='S>1'\n" + body).cmdline == "pick=A"
    assert show(HEAD + "set default='S>1'\n" + body.replace("set default=0", "")).cmdline == "pick=B"


def test_a_submenu_to_which_grub_falls_back_takes_the_rest_of_the_path():
    lost = entry("X", kernel="/boot/nosuch")
    script = HEAD + "set default='0>0>1'\nset fallback=1\n" + lost + "submenu S {\n" + entry("A") + entry("B") + "}\n"
    assert show(script).cmdline == "pick=B"


def test_menus_that_fall_back_to_each_other_end():
    deep = "menuentry X { true; }\n"
    for _ in range(12):
        deep = "submenu S {\n" + deep + "menuentry Y { true; }\n}\n"
    shown = show(HEAD + "set default=0\nset fallback='0 1 0 1'\nexport fallback\n" + deep)
    assert shown.cmdline is None


def test_no_default_is_not_the_entry_without_a_title():
    script = HEAD + "submenu S {\n" + entry("A") + entry("").replace("pick=", "pick=none") + "}\n"
    assert show(script).cmdline == "pick=A"
