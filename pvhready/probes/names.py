"""What may be the name of a kernel's release or of a module. Whoever made the file may have put anything there."""

# Programs of an initramfs by which volumes are put together.
PROGRAMS = ("lvm", "cryptsetup", "systemd-cryptsetup", "mdadm", "mdassemble")
_MAX_NAME = 64  # MODULE_NAME_LEN
MAX_RELEASE = 64  # with its NUL this is __NEW_UTS_LEN + 1 of Linux
_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+")
_RELEASE_CHARACTERS = _CHARACTERS | frozenset("-~:@")


def is_release(name: str) -> bool:
    """Whether a folder's name is a kernel's release."""
    return name[:1].isdigit() and len(name) <= MAX_RELEASE and _RELEASE_CHARACTERS.issuperset(name)


def is_module(name: str) -> bool:
    """Whether a name may be a module's."""
    return 0 < len(name) <= _MAX_NAME and _CHARACTERS.issuperset(name)
