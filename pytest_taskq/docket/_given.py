"""Attributes that an object is made with, and keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

__all__ = ["Given"]

T = TypeVar("T")


class Given(Generic[T]):
    """An attribute that can be set once: AttributeError for the second time."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    if TYPE_CHECKING:
        # Not there to run: Python looks into the object itself then, at a tenth of the cost.
        @overload
        def __get__(self, owner: None, kind: type) -> Self: ...
        @overload
        def __get__(self, owner: object, kind: type) -> T: ...
        def __get__(self, owner: object | None, kind: type) -> Self | T: ...

    def __set__(self, owner: Any, value: T) -> None:
        known = vars(owner)
        if self._name in known:
            raise AttributeError(
                f"The {self._name} of {type(owner).__name__} cannot be changed. It was set when "
                f"the object was made. Make another one."
            )
        known[self._name] = value
