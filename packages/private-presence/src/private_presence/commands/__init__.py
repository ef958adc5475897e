"""The commands of ``presence``, one module for each noun.

A module's ``add_parser(subparsers)`` adds its commands, in the words of `cli.COMMANDS`,
and sets ``run``: a function from the parsed arguments to an exit status.  Modules are
loaded when their command is asked for.
"""
