"""How Sphinx builds these pages: every warning is an error, and nothing is fetched."""

from importlib.metadata import version as installed_version

project = "pytest-taskq"
author = "The pytest-taskq authors"
copyright = author  # noqa: A001 - the name that Sphinx reads
version = release = installed_version("pytest-taskq")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "examples"]
nitpicky = True

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

html_theme = "furo"
html_title = "pytest-taskq"
