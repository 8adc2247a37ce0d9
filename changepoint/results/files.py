"""A tree to a file and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from changepoint.errors import DataError

if TYPE_CHECKING:
    import xarray as xr


def save(tree: xr.DataTree, path: str | Path) -> None:
    """Write a tree to a .nc file or a .zarr folder; see `Posterior.save`."""
    path = Path(path)
    if path.suffix not in (".nc", ".zarr"):
        raise DataError(f"can't save to {path.name!r}: the name must end in .nc or .zarr")
    _require_zarr(path)
    try:
        if path.suffix == ".zarr":
            tree.to_zarr(path, mode="w", consolidated=False)
        else:
            path.write_bytes(netcdf(tree))
    except OSError as error:
        raise DataError(f"can't write {path}: {error.strerror or error}") from None


def netcdf(tree: xr.DataTree) -> bytes | memoryview:
    """Return a tree as the content of a .nc file: HDF5 itself can't end well on a full disk."""
    return tree.to_netcdf(engine="h5netcdf")


def load(path: str | Path) -> xr.DataTree:
    """Return the tree that `save` wrote; see `Posterior.load`."""
    import xarray as xr

    path = Path(path)
    options: dict[str, Any] = {"engine": "h5netcdf"}
    if path.suffix == ".zarr":
        options = {"engine": "zarr", "consolidated": False}
    # Nanoseconds would neither be what was saved nor reach beyond 1678 and 2262.
    options["decode_times"] = xr.coders.CFDatetimeCoder(time_unit="us")
    if not path.exists():
        raise DataError(f"there is no file {path.name!r}")
    _require_zarr(path)
    try:
        with xr.open_datatree(path, **options) as stored:
            tree = stored.load()
    except Exception as error:  # whatever a damaged file makes the readers raise
        raise DataError(f"{path.name!r} can't be read as a posterior: {error}") from None
    if tree.attrs.get("created_by") != "changepoint":
        raise DataError(f"{path.name!r} isn't a posterior that changepoint saved")
    return tree


def _require_zarr(path: Path) -> None:
    from importlib.util import find_spec

    if path.suffix == ".zarr" and find_spec("zarr") is None:
        raise DataError(
            f"{path.name!r} needs zarr, which isn't installed: pip install "
            "'changepoint-toolkit[zarr]'; a .nc file needs nothing more"
        )
