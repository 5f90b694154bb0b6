"""What a shell script does to the kernel image that it is given: does it decompress it, does it write over it?

The script is walked through once from top to bottom, both branches of every ``if``, with the values that its
variables must have. That is no proof of what it does, but tells a script that unpacks a kernel in place from one that
only mentions kernels.
"""

import os

from pvhready.probes import shell
from pvhready.probes.shell import Command, Malformed
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Set, Tuple

    from pvhready.probes.shell import Word

IMAGE = "/boot/vmlinuz-VERSION"  # stands for the image that a hook is called for

_WORK = 200000  # commands, pieces of words and letters of substitutions that one script may take
_DEPTH = 6  # functions, substitutions and scripts within scripts
_LETTERS = 4096  # of one value: variables can double each other

_RESERVED = ("if", "then", "else", "elif", "while", "until", "do", "!", "{", "time", "fi", "done", "esac", "}")
_WRAPPERS = ("exec", "command", "sudo", "nice", "ionice", "busybox", "nohup", "env", "builtin", "timeout", "setsid", "flock", "systemd-run")
_DECLARE = ("export", "local", "readonly", "declare", "typeset")
_SHELLS = ("sh", "bash", "dash", "ksh", "ash")

_EXTRACTORS = ("extract-vmlinux", "extract_vmlinux", "vmlinux-to-elf")
_DECOMPRESSORS = ("unlz4", "lz4cat", "unzstd", "zstdcat", "gunzip", "zcat", "unxz", "xzcat", "bunzip2", "bzcat", "unlzma", "lzcat")
_COMPRESSORS = ("lz4", "lz4c", "zstd", "gzip", "pigz", "xz", "bzip2", "lzma", "lzop")  # with -d they decompress
_COPIERS = ("mv", "cp", "install", "rsync", "ln")
_WRITERS = ("tee", "sponge")
_OUTWARD = (">", ">>", ">|", "&>", "&>>", "<>")


class Deeds(NamedTuple):
    """What was seen. ``extractors`` are the programs it unpacks with, as it names them, ``calls`` its other commands, with their
    arguments. ``problem`` says why the rest of the script could not be followed.
    """

    decompresses: bool
    overwrites: bool
    extractors: "Tuple[str, ...]" = ()
    calls: "Tuple[Tuple[str, ...], ...]" = ()
    problem: "Optional[str]" = None


def mentions_decompression(text: str) -> bool:
    """Whether a script can decompress anything by itself: a quick test, so that most need not be walked through."""
    return any(name in text for name in _EXTRACTORS + _DECOMPRESSORS + _COMPRESSORS)


def deeds(text: str, parameters: "Sequence[str]") -> Deeds:
    """Walk through a shell script that was called with these parameters (the image as ``IMAGE``)."""
    walk = _Walk(parameters)
    walk.script(text)
    return Deeds(walk.decompresses, walk.overwrites, tuple(walk.extractors), tuple(walk.calls), walk.problem)


def is_image(path: str) -> bool:
    """Whether a path is a kernel image that GRUB would boot. A Raspberry Pi's firmware folder is not for GRUB."""
    if IMAGE in path:
        return path.startswith(IMAGE)
    return path.rpartition("/")[2].startswith(("vmlinuz", "vmlinu?", "vmlinu[")) and "/boot/firmware/" not in path


class _Walk:
    def __init__(self, parameters: "Sequence[str]") -> None:
        self.decompresses = False
        self.overwrites = False
        self.extractors: List[str] = []
        self.calls: List[Tuple[str, ...]] = []
        self.problem: Optional[str] = None
        self._parameters = list(parameters)
        self._values: Dict[str, str] = {}
        self._functions: Dict[str, List[Command]] = {}
        self._derived: Set[str] = set()  # files that hold a part of the image
        self._unpacked: Set[str] = set()  # files that hold what was decompressed
        self._work = 0
        self._depth = 0

    def script(self, text: str) -> None:
        """Walk through a text. Where it cannot be followed, ``problem`` says so."""
        if self._depth >= _DEPTH:
            return
        self._depth += 1
        body: List[Command] = []
        try:
            self._spend(len(text))
            for command in shell.commands(text):
                body.append(command)
        except Malformed as error:
            self.problem = str(error)
        # What comes before an error is run by a real shell too.
        try:
            self._run(body)
        except Malformed as error:
            self.problem = str(error)
        self._depth -= 1

    def _spend(self, work: int) -> None:
        self._work += work
        if self._work > _WORK:
            raise Malformed(0, "too long to be followed")

    def _run(self, body: "List[Command]") -> None:
        at = 0
        pipeline: List[Tuple[List[str], Command]] = []
        while at < len(body):
            self._spend(1)
            command = body[at]
            name = _function_that_begins(body, at)
            if name:
                end = _end_of_function(body, at)
                self._functions[name] = body[at + 1:end]
                at = end
                continue
            pipeline.append((self._expanded(command), command))
            if command.after != "|":
                self._pipeline(pipeline)
                pipeline = []
            at += 1
        if pipeline:
            self._pipeline(pipeline)

    def _expanded(self, command: Command) -> "List[str]":
        """Carry out the assignments of a command, and return its words without what stands before its name."""
        words = list(command.words)
        while words and len(words[0]) == 1 and words[0][0].text in _RESERVED and not words[0][0].quoted:
            del words[0]
        if words and shell.literal(words[0]) in _DECLARE:
            del words[0]
        while words and self._assign(words[0]):
            del words[0]
        if words and shell.literal(words[0]) == "for" and len(words) > 1:
            self._loop([shell.literal(words[1])], [text for word in words[3:] for text in self._texts(word)])
            return []
        texts = [text for word in words for text in self._texts(word)]
        while texts and os.path.basename(texts[0]) in _WRAPPERS and texts[1:2] != ["-v"]:
            texts = _behind(texts)
        return texts[0].split() + texts[1:] if texts else []

    def _assign(self, word: "Word") -> bool:
        if not word or word[0].kind != shell.LITERAL or word[0].quoted:
            return False
        name, equals, rest = word[0].text.partition("=")
        if not equals or not shell.is_name(name):
            return False
        self._values[name] = self._text((word[0]._replace(text=rest),) + word[1:])
        return True

    def _loop(self, names: "List[str]", values: "List[str]") -> None:
        for name in names:
            self._values[name] = next((value for value in values if is_image(value)), " ".join(values)[:_LETTERS])

    def _texts(self, word: "Word") -> "List[str]":
        """Return what a word becomes: "$@" is a word for each parameter."""
        parts = [part for part in word if part.text or part.kind != shell.LITERAL]
        if [(part.kind, part.text) for part in parts] == [(shell.VARIABLE, "@")]:
            self._spend(len(self._parameters))
            return [text[:_LETTERS] for text in self._parameters]
        return [self._text(word)]

    def _text(self, word: "Word") -> str:
        text = ""
        self._spend(len(word))
        for part in word:
            if len(text) > _LETTERS:
                break
            if part.kind == shell.LITERAL:
                text += part.text
            elif part.kind == shell.VARIABLE:
                text += self._value(part.text)
            elif part.kind == shell.EXPANSION:
                text += self._modified(part.text)
            elif part.kind == shell.COMMAND:
                text += self._substituted(part.text)
        return text[:_LETTERS]

    def _value(self, name: str) -> str:
        if name in "@*":
            return " ".join(self._parameters)[:_LETTERS]
        if name.isdigit():
            return self._parameters[int(name) - 1] if 0 < int(name) <= len(self._parameters) else ""
        return self._values.get(name, "$" + name)

    def _modified(self, text: str) -> str:
        """Return the value of ${NAME...}: a default where it has one, the folder where the name is cut off."""
        end = 1
        while end < len(text) and text[end] not in ":-+=?%#/":
            end += 1
        value = self._value(text[:end]) if text[:1] != "#" else ""
        operator = text[end:].lstrip(":")
        if operator[:1] in ("-", "=") and (not value or value.startswith("$")):
            self._spend(len(operator))
            return self._text(next((command.words[0] for command in shell.commands(operator[1:]) if command.words), ()))
        if operator.startswith(("%/", "%%/")):
            return os.path.dirname(value)
        return value

    def _substituted(self, text: str) -> str:
        """Return what $(...) stands for, as far as it is a path; its commands are walked through."""
        seen = len(self.calls)
        self.script(text)
        for call in self.calls[seen:]:
            if call[0] == "dirname":
                return os.path.dirname(call[-1])
            if call[0] in ("basename", "readlink", "realpath", "echo", "printf", "ls", "find"):
                return next((word for word in call[1:] if is_image(word)), call[-1])
        return "$({})".format(text)

    def _pipeline(self, pipeline: "List[Tuple[List[str], Command]]") -> None:
        sources: List[str] = []
        targets: List[str] = []
        unpacks = False
        readers: List[str] = []
        of_image = any(is_image(word) for words, _ in pipeline for word in words)
        for words, command in pipeline:
            for redirection in command.redirections:
                sources.extend(self._read_within(redirection.target))
                (targets if redirection.operator in _OUTWARD else sources).append(self._text(redirection.target))
            words = self._of_script(_for_each(words) if of_image else words) if words else words
            if not words:
                continue
            name = os.path.basename(words[0])
            if name == "read":
                readers.extend(words[1:])
            if self._is_builtin(name, words[1:]):
                continue
            read, written = _roles(name, words[1:])
            sources.extend(read)
            targets.extend(written)
            if self._decompresses(words):
                unpacks = True
            self.calls.append(tuple(words))
        self._conclude(sources, targets, unpacks)
        if readers and any(is_image(source) for source in sources):
            self._loop(readers, [IMAGE])

    def _read_within(self, target: "Word") -> "List[str]":
        """Return what the commands of a process substitution name, as <(tail -c +99 "$2")."""
        inner = target[0].text if target and target[0].kind == shell.OTHER else ""
        self._spend(len(inner))
        return [text for command in shell.commands(inner) for word in command.words for text in self._texts(word)]

    def _of_script(self, words: "List[str]") -> "List[str]":
        """Return the call of a script that a shell is started for (sh -e FILE ...) or that is read in (. FILE); else the words."""
        name = os.path.basename(words[0])
        if name in (".", "source") and len(words) > 1:
            return words[1:] if len(words) > 2 else words[1:] + self._parameters
        plain = [number for number, word in enumerate(words) if number and not word.startswith("-")]
        return words[plain[0]:] if name in _SHELLS and plain and not _given_text(words) else words

    def _is_builtin(self, name: str, arguments: "List[str]") -> bool:
        """Carry out what changes the script itself, or runs another piece of it."""
        if name == "shift":
            del self._parameters[:int(arguments[0][:9]) if arguments and arguments[0].isdecimal() else 1]
        elif name == "set" and arguments[:1] == ["--"]:
            self._parameters = arguments[1:]
        elif name in self._functions and self._depth < _DEPTH:
            self._depth += 1
            parameters, self._parameters = self._parameters, arguments
            self._run(self._functions[name])
            self._parameters = parameters
            self._depth -= 1
        elif name in _SHELLS and _given_text(arguments):
            self.script(_given_text(arguments))
        elif name == "eval":
            self.script(" ".join(arguments))
        else:
            return False
        return True

    def _decompresses(self, words: "List[str]") -> bool:
        name = os.path.basename(words[0])
        if name.startswith(_EXTRACTORS):
            if words[0] not in self.extractors:
                self.extractors.append(words[0])
            return True
        return _is_decompressor(name, words[1:])

    def _conclude(self, sources: "List[str]", targets: "List[str]", unpacks: bool) -> None:
        from_image = any(is_image(source) or source in self._derived for source in sources)
        from_unpacked = any(source in self._unpacked for source in sources)
        if unpacks and from_image:
            self.decompresses = True
        for target in targets:
            if target == "/dev/null":
                continue
            if from_image or from_unpacked:
                self._derived.add(target)
            if (unpacks and from_image) or from_unpacked:
                self._unpacked.add(target)
            if is_image(target) and (unpacks or from_unpacked or not any(is_image(source) for source in sources)):
                self.overwrites = True


def _given_text(arguments: "List[str]") -> str:
    """Return the script that a shell is given as an argument (-c, -ec), "" for none."""
    options = [number for number, word in enumerate(arguments) if word[:1] == "-" and word[:2] != "--" and "c" in word]
    return "".join(arguments[options[0] + 1:options[0] + 2]) if options else ""


def _behind(words: "List[str]") -> "List[str]":
    """Return the command that a wrapper starts: it stands behind options, their numbers, and settings of the environment."""
    at = 1
    while at < len(words) and (words[at][:1] == "-" or words[at].rstrip("smhd").isdigit() or "=" in words[at].partition("/")[0]):
        at += 1
    return words[at + (os.path.basename(words[0]) == "flock"):]


def _for_each(words: "List[str]") -> "List[str]":
    """Return the command that find or xargs runs for each file, with the image for it; else the words themselves."""
    name = os.path.basename(words[0]) if words else ""
    if name == "find" and "-exec" in words:
        return [word.replace("{}", IMAGE) for word in words[words.index("-exec") + 1:]]
    if name != "xargs":
        return words
    command = _behind(words)
    command = command[command[:1] == ["{}"]:]  # of -I {}
    replaced = [word.replace("{}", IMAGE) for word in command]
    return replaced if replaced != command else command + [IMAGE]


def _function_that_begins(body: "List[Command]", at: int) -> str:
    """Return the name of the function whose definition begins at this command, or ""."""
    words = [shell.literal(word) for word in body[at].words[:2]]
    if words[:1] == ["function"] and len(words) == 2:
        return words[1]
    closes = at + 1 < len(body) and body[at + 1].before == ")"
    return words[0] if body[at].after == "(" and len(body[at].words) == 1 and closes else ""


def _end_of_function(body: "List[Command]", start: int) -> int:
    """Return the place after the last command of the function that begins here."""
    depth = 0
    for at in range(start, len(body)):
        words = [shell.literal(word) for word in body[at].words]
        depth += words.count("{") - words.count("}")
        if depth <= 0 and at > start:
            return at + 1
    return len(body)


def _is_decompressor(name: str, arguments: "Sequence[str]") -> bool:
    if name in _DECOMPRESSORS:
        return True
    short = "".join(word[1:] for word in arguments if word[:1] == "-" and word[:2] != "--")
    return name in _COMPRESSORS and ("d" in short or "--decompress" in arguments or "--uncompress" in arguments)


def _roles(name: str, arguments: "Sequence[str]") -> "Tuple[List[str], List[str]]":
    """Return the files that a command reads and those that it writes."""
    plain = [word for word in arguments if not word.startswith("-")]
    if name == "dd":
        return [word[3:] for word in plain if word.startswith("if=")], [word[3:] for word in plain if word.startswith("of=")]
    if name in _WRITERS:
        return [], plain
    if name in _COPIERS:
        return plain[:-1], plain[-1:]
    written = [word.partition("=")[2] for word in arguments if word.startswith("--output=")]
    written += [following for word, following in zip(arguments, arguments[1:]) if word in ("-o", "--output")]
    if name.startswith("lz4") or name == "unlz4":
        written += plain[1:2]  # lz4 INPUT OUTPUT
    return [word for word in plain if word not in written], written
