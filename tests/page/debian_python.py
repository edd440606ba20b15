"""Debian's selenium belongs to Debian's Python, which may not be the first one of PATH."""
import importlib.util
import os
import sys

DEBIANS = "/usr/bin/python3"


def use_where_selenium_is():
    """Starts the program again with Debian's Python, if this one has no selenium."""
    if importlib.util.find_spec("selenium") is None and os.path.realpath(sys.executable) != os.path.realpath(DEBIANS) and os.path.exists(DEBIANS):
        os.execv(DEBIANS, [DEBIANS, *sys.argv])
