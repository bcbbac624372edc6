"""The signs of a line: what a quick reader notices, each a short name that either is there or is not.

Letters, pairs of letters, words, how it begins and ends, its marks, how long it is. Any script; knows no network.
"""

import unicodedata

LONGEST = 30
"""Letters beyond which a line is just long."""
MOST_WORDS = 9


def signs(line: str) -> set[str]:
    """The signs of *line*: `c꽃` a letter, `b_꽃` a pair at a word's begin, `w꽃이` a word, `e네` an end.

    `s꽃` a begin, `fᆫ` a part of the last letter, `p,` a mark, `p,$` the last one, `r` a word twice,
    `n7` seven letters or more, `m3` three words or more.
    """
    text = unicodedata.normalize("NFC", line).casefold()
    words = text.split()
    letters = "".join(c for c in text if c.isalnum())
    found = {f"c{c}" for c in letters} | {f"p{c}" for c in text if not c.isalnum() and not c.isspace()}
    for word in words:
        edged = f"_{word}_"
        found |= {f"b{edged[i : i + 2]}" for i in range(len(edged) - 1)}
        found.add(f"w{word}")
    found |= {f"e{letters[-n:]}" for n in (1, 2, 3) if len(letters) >= n}
    found |= {f"s{letters[:n]}" for n in (1, 2) if len(letters) >= n}
    found |= {f"f{part}" for part in unicodedata.normalize("NFD", letters[-1:])[1:]}
    found |= {f"n{n}" for n in range(3, min(len(letters), LONGEST) + 1)}
    found |= {f"m{n}" for n in range(2, min(len(words), MOST_WORDS) + 1)}
    if text and not text[-1].isalnum():
        found.add(f"p{text[-1]}$")
    if len(set(words)) < len(words):
        found.add("r")
    return found
