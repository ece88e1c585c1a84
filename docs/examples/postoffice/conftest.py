"""Lets the tests import the package `postoffice`. A real project would be installed instead."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
