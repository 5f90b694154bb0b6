"""The three answers that there are about a host's GRUB."""

YES = "yes"
NO = "no"
UNKNOWN = "unknown"
