"""dbt in a process of its own that parses the project once: one list of arguments a line, one answer a line.

Belongs here: the loop. Does not belong here: who asks (``test_following_changes``).
"""

from __future__ import annotations

import json
import sys

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest


def serve(options: list[str]) -> None:
    """Answer with what failed, an empty list where nothing did."""
    parsed = dbtRunner().invoke(["parse", *options])
    if not isinstance(parsed.result, Manifest):
        raise RuntimeError(str(parsed.exception))
    for line in sys.stdin:
        for node in parsed.result.nodes.values():
            # what is compiled is not compiled again, and was so for another client
            vars(node).update(compiled=False, compiled_code=None, extra_ctes_injected=False, extra_ctes=[])
        done = dbtRunner(manifest=parsed.result).invoke([*json.loads(line), *options])
        failed = [
            f"{result.node.name}: {result.message}"
            for result in getattr(done.result, "results", ())
            if result.status not in ("success", "pass")
        ]
        answer = [str(done.exception)] if done.exception else failed
        sys.stdout.write(f"answer {json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(sys.argv[1:])
