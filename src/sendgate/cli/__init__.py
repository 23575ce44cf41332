"""The command line: the only code that reads arguments and variables, prints, and exits.

`app` lists the commands, one module each; `command` gives them their options and turns
errors into exit codes; `sources` picks the DNS source; `console` and `destination` are
stderr and where the report goes.
"""
