"""What all tests load: the living spec's plugin, and the acceptance run's options, world and steps."""

import signal

pytest_plugins = [
    "living_spec.pytest_plugin",
    "acceptance.options",
    "acceptance.world",
    "acceptance.steps.uploading",
    "acceptance.steps.deleting",
    "acceptance.steps.finality",
    "acceptance.steps.using",
    "acceptance.steps.owning",
    "acceptance.steps.quota",
    "acceptance.steps.interrupting",
    "acceptance.steps.running",
    "acceptance.steps.browsing",
    "acceptance.steps.sourcing",
    "acceptance.steps.attributes",
]


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start, also where a shell in the background has it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
