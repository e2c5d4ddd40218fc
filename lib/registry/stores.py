"""Where a registry lies: a folder, or a prefix of an S3 bucket, with the same few methods on keys.

A key is a name below the store, with `/` between its parts. Each method raises RegistryProblem where the store cannot
be reached, read or written: such a store never looks like an empty one.
"""

from pathlib import Path

from registry.problems import RegistryProblem
from registry.stores_folder import Folder
from registry.stores_s3 import S3, open_s3

Store = Folder | S3


def open_store(address: str | Path) -> Store:
    """Return the store at an address: a folder, or `s3://bucket/prefix`.

    Nothing is read or made yet. Raises RegistryProblem if it is no such address.
    """
    text = str(address)
    if text.startswith("s3:"):
        return open_s3(text)
    if not text or text == "." or "://" in text:
        raise RegistryProblem(f"{text!r} is no address of a registry; give a folder, or s3://bucket/prefix")
    return Folder(Path(address))
