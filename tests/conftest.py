"""What holds for every test: no time limits, and nothing of the environment of whoever runs them."""

import os

from hypothesis import HealthCheck, settings

# A test is right or wrong, never late: a busy machine must not turn it red.
settings.register_profile("earnest", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("earnest")

# Fixtures that many folders use, one file per thing.
pytest_plugins = ["tests.support.databases"]

# Settings are given by the test that needs them, so a developer's own EARNEST_* must not leak in.
for name in [name for name in os.environ if name.startswith("EARNEST_")]:
    del os.environ[name]
