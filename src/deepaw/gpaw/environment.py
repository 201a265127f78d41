"""Presence of GPAW, and its errors as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deepaw.errors import InputError


def require_gpaw() -> None:
    """Raise InputError, which says how to install it, unless GPAW of 2026 or newer can be imported."""
    try:
        import gpaw.dft
        import gpaw.new.calculation  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"This needs GPAW of 2026 or newer ({error}); install it with: pip install 'deepaw[gpaw]', for which "
            "libxc, BLAS and FFTW must be there (docs/gpaw.md)."
        ) from None


@contextmanager
def gpaw_errors(name: str) -> Iterator[None]:
    """Raise whatever GPAW raises in the block as InputError about the structure `name`."""
    from gpaw import KohnShamConvergenceError

    try:
        yield
    except InputError:
        raise
    except KohnShamConvergenceError:
        raise InputError(
            f"GPAW did not converge {name}; more iterations (maxiter), a wider smearing or another mixer may help."
        ) from None
    except Exception as error:  # GPAW raises errors of all kinds for inputs that it does not take
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise InputError(f"GPAW refuses {name}: {reason}.") from error
