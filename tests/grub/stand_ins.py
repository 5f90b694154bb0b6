"""Whole configurations in grub-emu: what an emulated GRUB lacks, or should not do there, is replaced by functions."""

import re
from typing import List, Optional

import grub_emu

_FUNCTIONS = {
    "linux": 'echo "kernel: $*"; loaded=y', "initrd": 'echo "initramfs: $*"; exit', "linux16": 'linux "$@"', "initrd16": 'initrd "$@"',
    "insmod_": "true", "search_": "true", "loadfont_": "false", "terminal_output_": "true", "terminal_input_": "true",
    "background_image_": "false",
}
_HEAD = "".join("function {} {{ {}; }}\n".format(*pair) for pair in _FUNCTIONS.items())
_COMMANDS = "|".join(name[:-1] for name in _FUNCTIONS if name.endswith("_"))
_REPLACED = re.compile(r"(?m)(^|[;{{]|\b(?:then|else|if)\b)([ \t]*)({})(?=[ \t])".format(_COMMANDS))


def boot(directory: str, configuration: str, platform: str = "xen_pvh") -> Optional[List[str]]:
    """Run a configuration in ``directory``, where its environment block may be, too; return what its default entry loads.

    The lines say ``kernel: ...`` and ``initramfs: ...``, each with the arguments. The first entry that loads an initramfs ends it.
    """
    text = _HEAD + "set grub_platform={}\n".format(platform) + _REPLACED.sub(r"\1\2\3_", configuration)
    # Nothing is waited for: GRUB looks at the keyboard for seconds where the menu is hidden.
    lines = grub_emu.boot(directory, text + "\nset timeout=0\nset timeout_style=menu\n")
    return lines and [line.strip() for line in lines if line.startswith(("kernel:", "initramfs:"))]
