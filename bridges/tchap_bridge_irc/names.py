"""Host names and masks: the two shapes of names that are not nicks and not channels.

Sources: RFC 1123 section 2.1, RFC 2812 section 2.5 (wildcards), ircdocs parser-tests.
"""

import string

_ALNUM = frozenset(string.ascii_letters + string.digits)


def is_host(name: str) -> bool:
    """Whether this is a host name as a server has one: labels of letters, digits and inner hyphens, a dot in it.

    Only to recognise names (a netsplit's); what a server gives as somebody's host may be anything, and is taken.
    """
    labels = name.removesuffix(".").split(".")
    if "." not in name or len(name) > 253:
        return False
    return all(_ALNUM.issuperset(label.replace("-", "")) and _edges(label) for label in labels)


def _edges(label: str) -> bool:
    return 0 < len(label) <= 63 and label[0] != "-" != label[-1]


def matches(mask: str, text: str) -> bool:
    r"""Whether a text fits a mask: "*" any run, "?" one character, ``\*`` and ``\?`` themselves, the rest literally.

    Case counts: fold both first. Takes time proportional to the product of both lengths at worst, for a mask is
    somebody else's (compare GHSL-2021-118).
    """
    pattern = _tokens(mask)
    at = back = index = 0
    star = -1
    while index < len(text):
        token = pattern[at] if at < len(pattern) else None
        if token == _ANY:
            star, back = at, index
            at += 1
        elif token in (_ONE, text[index]):
            at, index = at + 1, index + 1
        elif star >= 0:
            back += 1
            at, index = star + 1, back
        else:
            return False
    return all(token == _ANY for token in pattern[at:])


_ANY, _ONE = "any", "one"


def _tokens(mask: str) -> list[str]:
    tokens, index = [], 0
    while index < len(mask):
        char = mask[index]
        if char == "\\" and mask[index + 1 : index + 2] in ("*", "?"):
            index += 1
            tokens.append(mask[index])
        elif char == "*":
            tokens.append(_ANY)
        elif char == "?":
            tokens.append(_ONE)
        else:
            tokens.append(char)
        index += 1
    return tokens
