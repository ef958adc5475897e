"""Private presence: friends learn that you are online, and nobody else does.

Nothing works yet.  This package exists so that its name, command and threat model
have a place; it depends on nothing outside the standard library.

Examples
--------
>>> import private_presence
>>> private_presence.__version__
'0.1.0'
"""

__version__ = "0.1.0"
