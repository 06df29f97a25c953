"""How lists count: 1, a and i, level by level. Pure."""


def letters(number: int) -> str:
    """1 is a, 27 is aa."""
    said = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        said = chr(ord("a") + rest) + said
    return said


def from_letters(marker: str) -> int:
    """The number that `letters` says so."""
    number = 0
    for letter in marker:
        number = number * 26 + ord(letter) - ord("a") + 1
    return number


_ROMAN = ((100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


def roman(number: int) -> str:
    """In small Roman numerals."""
    said = ""
    for value, sign in _ROMAN:
        times, number = divmod(number, value)
        said += sign * times
    return said


def from_roman(marker: str) -> int | None:
    """The number that `roman` says so, to 399."""
    rest, number = marker, 0
    for value, sign in _ROMAN:
        while rest.startswith(sign):
            rest, number = rest[len(sign) :], number + value
    return number if number and roman(number) == marker else None
