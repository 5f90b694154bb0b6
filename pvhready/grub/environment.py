"""GRUB's variables (GRUB: kern/env.c, normal/context.c)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Mapping, Optional, Set

FEATURES = (
    "chainloader_bpb", "ntldr", "platform_search_hint", "default_font_path", "all_video_module", "menuentry_id",
    "menuentry_options", "200_final", "nativedisk_cmd", "timeout_style",
)  # GRUB: normal/main.c


class Environment:
    """The variables of one context. A submenu opens a new context, which takes over the exported ones only.

    ``origins`` remembers which variable of the environment block a value came from.
    """

    def __init__(self, values: "Optional[Mapping[str, str]]" = None) -> None:
        self.values: Dict[str, str] = dict(values or {})
        self.exported: Set[str] = set(values or {})
        self.origins: Dict[str, str] = {}

    def get(self, name: str) -> "Optional[str]":
        """Return a value, or None when the variable is not set."""
        return self.values.get(name)

    def set(self, name: str, value: str) -> None:
        """Set a variable; ``$root`` loses the parentheses around a device (GRUB: kern/main.c)."""
        if name == "root" and value.startswith("(") and value.endswith(")"):
            value = value[1:-1]
        self.values[name] = value

    def unset(self, name: str) -> None:
        """Forget a variable."""
        self.values.pop(name, None)
        self.exported.discard(name)
        self.origins.pop(name, None)

    def export(self, name: str) -> None:
        """Mark a variable for new contexts; one that is not set becomes empty."""
        self.values.setdefault(name, "")
        self.exported.add(name)

    def opened(self) -> "Environment":
        """Return a new context with the exported variables."""
        context = Environment({name: self.values[name] for name in self.exported if name in self.values})
        context.origins = {name: origin for name, origin in self.origins.items() if name in context.values}
        return context

    def copied(self) -> "Environment":
        """Return this context as it is now."""
        context = Environment()
        context.values = dict(self.values)
        context.exported = set(self.exported)
        context.origins = dict(self.origins)
        return context


def initial(cpu: str, platform: str, prefix: str, root: str) -> Environment:
    """Return the variables that GRUB's normal mode starts with, all exported."""
    values = {"feature_" + feature: "y" for feature in FEATURES}
    values.update(
        grub_cpu=cpu, grub_platform=platform, prefix=prefix, root=root, pager="",
        color_normal="light-gray/black", color_highlight="black/light-gray",
    )
    environment = Environment(values)
    environment.values["?"] = "0"
    return environment
