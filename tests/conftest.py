"""What all tests load: the living spec's plugin, and the acceptance run's options, world and steps."""

import os
import signal

pytest_plugins = [
    "living_spec.pytest_plugin",
    "acceptance.options",
    "timing",
    "acceptance.world",
    "acceptance.typed",
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
    "acceptance.steps.proxying",
    "acceptance.steps.attributes",
]


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start, also where a shell in the background has it ignored.

    And let no proxy come between the tests and the servers that they start.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    exceptions = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    if exceptions != "*":
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, (exceptions, "127.0.0.1,localhost")))
