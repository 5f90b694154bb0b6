"""Scripts, and what GRUB writes to the screen for them: the same table tests this package and GRUB itself.

A syntax error stands as ``error: syntax`` whatever GRUB says of it.
"""

SCRIPTS = {
    "words are parted by blanks": ("echo a  b \t c", ["a b c"]),
    "quotes keep blanks": ("echo \"a  b\" 'c  d' e\\ f", ["a  b c  d e f"]),
    "quotes inside a word": ("echo a'b c'd\"e f\"g", ["ab cde fg"]),
    "a backslash in double quotes": ('echo "a\\b\\$c\\\\d\\"e"', ['a\\b$c\\d"e']),
    "a backslash outside quotes": ("echo a\\bc\\\\d\\'e\\\"f", ["abc\\d'e\"f"]),
    "no backslash in single quotes": ("echo 'a\\b' '$x'", ["a\\b $x"]),
    "an empty argument": ("echo a '' b \"\" c", ["a  b  c"]),
    "a quotation over lines": ("echo 'one\ntwo' three\necho \"four\nfive\" six", ["one", "two three", "four", "five six"]),
    "a comment line inside a quotation is left out": ("echo 'one\n#two\nthree'", ["one", "three"]),
    "a line that goes on": ("echo a\\\nb c \\\nd \\\n  e", ["ab c d e"]),
    "a line that goes on inside quotes": ('echo "a\\\nb"', ["ab"]),
    "comments": ("echo x # y\necho x#y\n#z\n  # an 'unbalanced quotation\necho end", ["x", "x#y", "end"]),
    "statements on one line": ("echo a; echo b", ["a", "b"]),
    "keywords as arguments": (
        "echo if then fi do done for in case esac select function",
        ["if then fi do done for in case esac select function"],
    ),
    "variables": ("a=1\nset b=2\necho $a ${b} x${a}y $c z", ["1 2 x1y z"]),
    "an assignment takes one word": ("a='1 2' b=3\necho [$a] [$b]", ["[1 2] []"]),
    "set takes no blanks": ("set a = 1\necho [$a]", ["error: not an assignment.", "[]"]),
    "a value with an equals sign": ("set a=b=c\necho $a", ["b=c"]),
    "an unquoted variable is split": ('x="1 2  3"\necho [$x] "[$x]" ${x}z z${x}', ["[1 2 3] [1 2  3] 1 2 3z z1 2 3"]),
    "blanks around a value vanish without quotes": ('x=" a b "\necho p${x}q "[$x]"', ["pa bq [ a b ]"]),
    "an empty variable is no argument": ('e=\nif [ -z $e ]; then echo z; fi\nif [ "$e" ]; then echo n; fi\necho end', ["z", "end"]),
    "unset": ("a=1\nunset a\necho [$a]", ["[]"]),
    "unset takes one name": ("a=1; b=2\nunset a b\necho [$a] [$b]", ["[] [2]"]),
    "exported variables exist": ("export a\necho [$a]", ["[]"]),
    "the root loses its parentheses": ("set root=(hd0,1)\necho $root", ["hd0,1"]),
    "status": ("false\necho $?\ntrue\necho $?\n[ a = b ]\necho $?\nset a\necho $?",
               ["1", "0", "1", "error: not an assignment.", "18"]),
    "an unknown command succeeds": ("nosuch\necho $?\nif nosuch; then echo yes; fi",
                                    ["error: can't find command `nosuch'.", "0", "error: can't find command `nosuch'.", "yes"]),
    "numbers of errors": ("boot\necho $?\nload_env -f (x\necho $?\nload_env -f /boot/more.cfg\necho $?",
                          ["error: you need to load the kernel first.", "22", "error: missing `)' symbol.", "7",
                           "error: invalid environment block.", "4"]),
    "not": ("! false; echo $?\n! true; echo $?\n! nosuch; echo $?", ["0", "1", "error: can't find command `nosuch'.", "0"]),
    "if": ("if [ a = b ]; then echo 1; elif [ c = c ]; then echo 2; else echo 3; fi\n"
           "if false; then echo 4; elif false; then echo 5; else echo 6; fi", ["2", "6"]),
    "if takes the last status": ("if false; true; then echo a; fi\nif true; false; then echo b; else echo c; fi", ["a", "c"]),
    "if over lines": ("if true\nthen\n\n  echo a\n\nelse\n  echo b\nfi", ["a"]),
    "if without a branch succeeds": ("false\nif false; then echo a; fi\necho $?", ["0"]),
    "while and until": ("i=\nwhile [ \"$i\" != xxx ]; do i=x$i; echo $i; done\nuntil [ \"$i\" = xxxxx ]; do i=x$i; echo $i; done",
                        ["x", "xx", "xxx", "xxxx", "xxxxx"]),
    "for": ("for i in a 'b c' d; do echo [$i]; done\nfor i in; do echo never; done\necho end", ["[a]", "[b c]", "[d]", "end"]),
    "for splits variables": ("l='a b'\nfor i in $l \"$l\"; do echo [$i]; done", ["[a]", "[b]", "[a b]"]),
    "break": ("for i in 1 2 3; do for j in a b c; do if [ $j = b ]; then break; fi; echo $i$j; done; done", ["1a", "2a", "3a"]),
    "break two loops": (
        "for i in 1 2 3; do for j in a b c; do if [ $j = b ]; then break 2; fi; echo $i$j; done; done\necho end",
        ["1a", "end"],
    ),
    "continue": ("for i in 1 2 3; do if [ $i = 2 ]; then continue; fi; echo $i; done", ["1", "3"]),
    "continue the outer loop": ("for i in 1 2; do for j in a b; do if [ $j = b ]; then continue 2; fi; echo $i$j; done; echo no; done",
                                ["1a", "2a"]),
    "break outside a loop": ("break\necho a\nbreak x\nbreak 0\nbreak 1 2",
                             ["a", "error: unrecognized number.", "error: can't break 0 loops.", "error: one argument expected."]),
    "functions": ("function f { echo $# $1 [$2]; }\nf a 'b c'\nf", ["2 a [b c]", "0 []"]),
    "function arguments": (
        'function f { echo "$*" / "$@"; for i in "$@"; do echo [$i]; done; for i in $*; do echo ($i); done; }\nf a "b c"',
        ["a b c / a b c", "[a]", "[b c]", "(a)", "(b)", "(c)"],
    ),
    "shift": ("function f { shift; echo $# $1; shift 2; echo $# $1; }\nf a b c d", ["3 b", "1 d"]),
    "return": ("function f { return 1; echo never; }\nf\necho $?\nfunction g { false; return; }\ng\necho $?", ["1", "1"]),
    "return from inside a loop": ("function f { for i in 1 2; do while true; do return; done; done; echo never; }\nf\necho end", ["end"]),
    "return outside": ("return\necho a", ["error: not in function body.", "a"]),
    "setparams": ("function f { setparams x y z; echo $# $3; }\nf 1", ["3 z"]),
    "functions call functions": ("function f { echo f$1; }\nfunction g { f $1$1; echo g$1; }\ng a", ["faa", "ga"]),
    "a function replaces another": ("function f { echo 1; }\nf\nfunction f { echo 2; }\nf", ["1", "2"]),
    "a command goes before a function": ("function true { echo never; }\ntrue\necho end", ["end"]),
    "eval": ('eval echo a b\neval "set q=5\necho \\$q"', ["a b", "5"]),
    "eval takes a syntax error for success": ('false\neval "false\n\\$"; echo $?\nif eval "{"; then echo yes; fi',
                                              ["error: syntax", "0", "error: syntax", "yes"]),
    "time runs a command": ("time; echo $?\ntime nosuch; echo $?\nfunction f { true; }\ntime f",
                            ["error: no command is specified.", "18", "error: can't find command `nosuch'.", "16",
                             "error: can't find command `f'."]),
    "a command from a variable": ("c='echo a'\n$c b", ["a b"]),
    "file tests": ("if [ -f /boot/vmlinuz -a -e /boot -a -d /boot -a -s /boot/vmlinuz ]; then echo 1; fi\n"
                   "if [ -f /boot ]; then echo 2; fi\nif [ -d /boot/vmlinuz ]; then echo 3; fi\nif [ -e /nosuch ]; then echo 4; fi", ["1"]),
    "string tests": (
        "[ a = a ]; echo $?\n[ a != a ]; echo $?\n[ a == a ]; echo $?\n[ a '<' b ]; echo $?\n[ b '>=' b ]; echo $?\n"
        "[ b '<' a ]; echo $?",
        ["0", "1", "0", "0", "0", "1"],
    ),
    "number tests": (
        "[ 2 -lt 10 ]; echo $?\n[ 5 -eq 05 ]; echo $?\n[ 8 -eq 010 ]; echo $?\n[ 16 -eq 0x10 ]; echo $?\n"
        "[ -5 -gt 3 ]; echo $?\n[ 3a -eq 3 ]; echo $?\n[ 1 -ne 1 ]; echo $?",
        ["0", "0", "0", "0", "1", "0", "1"],
    ),
    "what is no number": ("[ a -eq 0 ]; echo $?\n[ a -eq 1 ]; echo $?", ["error: unrecognized number.", "0", "1"]),
    "a look at a file makes GRUB forget what is no number": (
        "[ a -eq 1 -o -e /nosuch -o x ]; echo $?\n[ -e /nosuch -o a -eq 1 -o x ]; echo $?", ["0", "error: unrecognized number.", "0"]),
    "numbers of 32 bits": ("[ 4294967295 -lt 0 ]; echo $?\n[ 2147483648 -lt 0 ]; echo $?", ["0", "0"]),
    "versions": ("[ k-2 -plt k-11 ]; echo $?\n[ k-5.10 -pgt k-5.9 ]; echo $?\n[ k9 -pgt k10 ]; echo $?", ["0", "0", "1"]),
    "and, or, not, parentheses": (
        "[ a -a '' ]; echo $?\n[ '' -o a ]; echo $?\n[ ! a ]; echo $?\n[ ! '' ]; echo $?\n[ ( '' ) -o ( b ) ]; echo $?\n"
        "[ ! ( a -a '' ) ]; echo $?\n[ '' -a a -o a ]; echo $?", ["1", "0", "1", "0", "0", "0", "0"]),
    "an empty test is true": ("[ ]; echo $?\ntest; echo $?\n[ x ]; echo $?\n[ '' ]; echo $?", ["0", "0", "0", "1"]),
    "regexp": ("regexp '^a.*z$' abcz; echo $?\nregexp a b; echo $?\nregexp --set=x '(a)(b)?' xay; echo $x\n"
               "regexp --set=1:x --set=2:y 'k-([0-9]+)[.]([0-9]+)' k-6.12.3; echo $x $y", ["0", "1", "a", "6 12"]),
    "regexp wants a number before the colon": (
        "regexp --set=x:a a a; echo $?\nregexp --set=0x0:a a a; echo $?\nregexp --set=:a a a; echo $? $a\n"
        "regexp --set=99999999999999999999:a a a; echo $?",
        ["error: invalid variable name format x:a.", "18", "error: invalid variable name format 0x0:a.", "18",
         "error: unrecognized number.", "0 a", "error: invalid variable name format 99999999999999999999:a.", "18"]),
    "regexp takes the longest": ("regexp --set=0:w '(a|ab)(c|bcd)(d*)' abcd; echo $w\nregexp --set=0:w 'a|ab' ab; echo $w", ["abcd", "ab"]),
    "regexp knows classes and bounds": (
        "regexp '[[:digit:]]+[.][0-9]*$' v5.10; echo $?\nregexp '^a{2,3}$' aaaa; echo $?\nregexp '(' x; echo $?",
        ["0", "1", "1"],
    ),
    "what regexp refuses": (
        "\n".join("regexp '{}' '{}'; echo $?".format(*pair) for pair in (
            ("^*", "*"), ("a$+", "a"), ("^{2}a", "a"), ("a{x", "a{x"), ("{1}", "{1}"), ("[a[.]", "."), ("^^a$$", "a"), ("a{,2}b", "aab"),
            ("(^)*a", "a"))),
        ["1", "1", "1", "1", "1", "1", "0", "0", "0"]),
    "a function that is running stays as it is": (
        "function f {\n if [ \"$1\" ]; then return; fi\n eval 'function f { echo two; }; echo after\necho next'\n echo end $?\n}\n"
        "f\nfunction f { echo new; }\nf",
        ["after", "error: attempt to redefine a function being executed.", "next", "end 0", "new"]),
    "numbers that shift cannot read": (
        "function f {\n shift x\n echo $?\n shift 99999999999999999999999\n echo $?\n"
        " shift 1x\n echo $? $1\n shift ''\n echo $? $1\n}\nf a",
        ["error: unrecognized number.", "18", "error: overflow is detected.", "18", "18 a", "error: unrecognized number.", "0 a"]),
    "escapes that echo knows, and others": (
        "echo -e 'a\\nb' c\necho -e 'a\\cb' d\necho -e 'x\\\\y' 'p\\q\\'\necho 'a\\nb'", ["a", "b c", "ab dx\\y p", "a\\nb"]),
    "wildcards": ("echo /boo*/vmlinu?\necho /boot/nosuch*\necho '/boot/v*'\necho /boot/v\\*\nx=/boot/v*\necho $x \"$x\"",
                  ["/boot/vmlinuz", "/boot/nosuch*", "/boot/v*", "/boot/v*", "/boot/vmlinuz /boot/v*"]),
    "in a pattern ^ and $ are the ends of a name": (
        "echo /boot/'^'vmlin*'$'\necho /boot/v*'$'z\necho /boot/*\\$\necho /boot/v'^'*",
        ["/boot/vmlinuz", "/boot/v*$z", "/boot/*$", "/boot/v^*"]),
    "a folder before a pattern keeps backslashes that guard no operator": (
        "echo /boo\\t/v*\necho '/boo't/v*\necho /boo*/vmlin\\uz\necho /boo?/vml\\inu?",
        ["/boot/v*", "/boot/vmlinuz", "/boot/vmlinuz", "/boot/vmlinuz"]),
    "no wildcard in a relative name": ("echo v* a=*", ["v* a=*"]),
    "what follows a device in a pattern begins with a slash": ("echo (*)x (*x", ["(*)x (*x"]),
    "source": ("source /boot/more.cfg\necho $y\nsource /nosuch\necho $?\nsource", ["more", "from more", "0", "error: filename expected."]),
    "translated texts": ('a=1\necho $"x $a \\"q\\" \\$b"', ['x 1 "q" $b']),
    "text before a translated text": (
        "a=1\necho \\a\\\\\\*$\"t\" \\a''$\"t\" \\a$a$\"t\" '\\a'$\"t\"\\b", ["\\a\\\\*t at a1t \\atb"]),
    "and-lists do not exist": ("true && echo a\necho b", ["error: syntax", "b"]),
    "or-lists and pipes do not exist": ("false || echo a\necho a | echo b\necho a & echo b\necho c", ["error: syntax", "c"]),
    "blocks by themselves do not exist": ("{ echo a; }\necho b", ["error: syntax", "b"]),
    "an empty statement": ("echo a; ; echo b\n; echo c\necho d", ["error: syntax", "d"]),
    "an empty body": ("if true; then\nfi\necho a", ["error: syntax", "a"]),
    "a dollar sign by itself": ("echo a $ b\necho \"a$\"\necho c", ["error: syntax", "c"]),
    "an error inside quotes shows at the end of the word": ("echo \"a$\"'b\nc'\necho d", ["error: syntax", "d"]),
    "an unfinished unit": ("echo a\nif [ a = a ; then\necho b", ["a", "error: syntax"]),
    "an error drops only its own lines": (
        "if true; then\necho a )\necho b $\necho c\nfi\necho d",
        ["error: syntax", "c", "error: syntax", "d"],
    ),
    "a body needs a delimiter at its end": ("function g { echo x }\necho a", ["error: syntax", "a"]),
    "functions only at the top": ("if true; then\nfunction f { echo a; }\nfi\necho b", ["error: syntax", "b"]),
    "double brackets": ("[[ a ]]\necho [[a [ ]", ["error: syntax", "[[a [ ]"]),
    "names of variables": ("1a=3\n@=3\necho end", ["error: invalid variable name `1a'.", "error: invalid variable name `@'.", "end"]),
    "options of menuentry": (
        "menuentry\nmenuentry a\nmenuentry { true; }\nmenuentry a --id b --class c --users d --hotkey e { true; }\necho end",
        ["error: missing arguments.", "error: no menuentry definition.", "error: menuentry is missing title.", "end"],
    ),
}

FILES = {"/boot/more.cfg": "echo more\ny='from more'\n", "/boot/vmlinuz": "kernel"}


def normal(lines):
    """Return lines with GRUB's many words for a syntax error brought to one."""
    wanted = []
    for line in lines:
        line = line.rstrip(" \t")
        if not line:
            continue
        if line in ("error: syntax error.", "error: Incorrect command.", "error: $.", "error: out of memory.", "error: )."):
            line = "error: syntax"
        if line != "error: syntax" or not wanted or wanted[-1] != line:
            wanted.append(line)
    return wanted
