"""How requests are signed: the pieces that schemes are made of. Pure; what is drawn or told by a clock is a `Stamp`.

Libraries of cryptography are imported when the first key is used.
"""

from tidebook.core.sign.scheme import Scheme, Stamp

__all__ = ["Scheme", "Stamp"]
