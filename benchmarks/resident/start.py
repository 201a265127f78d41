"""How long it takes until a server is ready."""

from __future__ import annotations

from resident.running import Settings, running


def run_start(settings: Settings) -> None:
    """`deepaw-server start --daemon`, a few times, from the command to the prompt."""
    for models in (("fast",), ("fast", str(settings.potential))):
        seconds = []
        for _ in range(2 if settings.quick else 5):
            with running(settings, *models) as server:
                seconds.append(server.seconds)
        what = " and a potential" if len(models) == 2 else ""
        print(f"  fast{what}: first {seconds[0]:.2f} s, best {min(seconds):.2f} s", flush=True)
