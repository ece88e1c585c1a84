"""What several tests of this project share; found through `pythonpath` in pyproject.toml."""
