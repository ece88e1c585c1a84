"""The runner of documentation blocks finds what is wrong with a page."""

import pytest

from support.blocks import plan, run_page
from support.markdown import BadAnnotation, parse

ALL_IS_WELL = """
# Files of one section belong together

<!-- block: conftest.py -->
```python
import pytest

@pytest.fixture
def seven():
    return 7
```

Prose in between is fine.

```python
def test_it(seven):
    assert seven == 7
```

# A module of the reader

<!-- block: shop.py -->
```python
PRICE = 9
```
<!-- block: pytest.ini -->
```ini
[pytest]
markers = pearl
```
```python
import pytest
from shop import PRICE

@pytest.mark.pearl
def test_price():
    assert PRICE == 9
```

# Same name, other section

<!-- block: shop.py -->
```python
PRICE = 10
```
<!-- block: test_shop.py -->
```python
from shop import PRICE

def test_price():
    assert PRICE == 10
```

# Modes

<!-- block: auto -->
```python
async def test_unmarked():
    pass
```

````{note}
```python
import pytest

@pytest.mark.asyncio
async def test_marked():
    pass
```
````

# Failing and plain

<!-- block: fails -->
```python
def test_sum():
    assert [1] == [2]
```
```text
>       assert [1] == [2]
...
E       assert [1] == [2]
*1 failed*
```
```python
print("no tests here")
```
```toml
[tool.x]
```
```sh
nobody runs this
```
"""
TEST = "```python\ndef test_it():\n    {}\n```\n"


@pytest.mark.slow
def test_a_good_page_passes(pytester: pytest.Pytester):
    run_page("page.md", ALL_IS_WELL, pytester)


def test_a_page_takes_few_processes():
    assert len(list(plan(parse(ALL_IS_WELL)))) == 5
    assert len(list(plan(parse((TEST.format("pass") + "# next\n") * 9)))) == 1


@pytest.mark.slow
def test_a_file_can_be_there_for_all_sections_of_a_page(pytester: pytest.Pytester):
    module = "<!-- block: shop.py, page -->\n```python\nPRICE = 9\n```\n"
    test = TEST.format("import shop; assert shop.PRICE == 9")
    run_page("page.md", f"# a\n{module}# b\n{test}# c\n{test}", pytester)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        (TEST.format("assert 0"), "line 2: this block should pass"),
        (TEST.format("import pytest; pytest.skip()"), "line 2: this block should pass"),
        ("\n\n```py\n1 / 0\n```", "line 4: this block should pass"),
        (
            "```python\ntest_x = 1\nclass TestNone:\n    x = 1\n```",
            "line 2: no test of this block was run",
        ),
        ("<!-- block: fails -->\n" + TEST.format("pass"), "line 3: this block should fail"),
        (
            "<!-- block: lib.py -->\n```python\n\n```\n# next\n" + TEST.format("import lib"),
            "No module named 'lib'",
        ),
        ("<!-- block: lib.py -->\n```python\n1 / 0\n```", "this block should pass"),
        ("```python\nimport warnings\nwarnings.warn('old')\n```", "UserWarning: old"),
        (
            "<!-- block: fails -->\n" + TEST.format("assert 0") + "```text\nfine\n```",
            "nomatch: 'fine'",
        ),
    ],
)
def test_a_bad_page_is_told(page: str, complaint: str, pytester: pytest.Pytester):
    with pytest.raises(pytest.fail.Exception, match=complaint):
        run_page("page.md", page, pytester)


def test_a_line_number_is_that_of_the_page(pytester: pytest.Pytester):
    with pytest.raises(pytest.fail.Exception, match=r"test_line_5\.py:6: AssertionError"):
        run_page("page.md", "# a\n\nb\n" + TEST.format("assert 0"), pytester)


@pytest.mark.parametrize("words", ["fail", "../x.py", "auto fails later"])
def test_an_unknown_word_is_refused(words: str):
    with pytest.raises(BadAnnotation, match="line 2"):
        parse(f"<!-- block: {words} -->\n```python\n```")


def test_an_annotation_belongs_to_the_next_block_only():
    first, second = parse("<!-- block: auto -->\n\n```py\n1\n```\n```py\n2\n```")
    assert (first.auto, second.auto) == (True, False)
    (block,) = parse("<!-- block: auto -->\nSome prose.\n```py\n1\n```")
    assert not block.auto


NESTED = """
:::{note}
```python
a
```
:::
- item

  ```python
  b
  ```
```{code-block} python
c
```
"""


def test_frames_and_lists_may_hold_blocks():
    found = [(block.language, block.text) for block in parse(NESTED)]
    assert found == [("python", "a\n"), ("python", "b\n"), ("python", "c\n")]
